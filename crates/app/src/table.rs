//! Writes rows as a table, JSON or CSV.
//!
//! Invariants: the forms hold the same values; money is decimal text in all of them.
//! Does not know: what the rows are.

use std::io::Write;

use clap::ValueEnum;
use comfy_table::{Table, presets};

/// How a command writes what it lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a person.
    #[default]
    Table,
    /// For a program.
    Json,
    /// For a spreadsheet.
    Csv,
}

/// A list under its column names.
pub(crate) struct Rows {
    pub(crate) columns: &'static [&'static str],
    pub(crate) rows: Vec<Vec<String>>,
}

impl Rows {
    /// As a table without lines, columns two spaces apart.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(self.columns.iter().copied());
        for row in &self.rows {
            table.add_row(row);
        }
        let text = table.to_string();
        text.lines()
            .map(str::trim_end)
            .fold(String::new(), |text, line| text + line + "\n")
    }

    /// As CSV with a header line.
    pub(crate) fn csv(&self) -> anyhow::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.columns)?;
        for row in &self.rows {
            writer.write_record(row)?;
        }
        Ok(String::from_utf8(writer.into_inner()?)?)
    }
}

/// Writes to standard output. A reader who left (`keyward … | head`) is no error.
pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out
        .write_all(text.as_bytes())
        .and_then(|()| {
            if text.ends_with('\n') {
                Ok(())
            } else {
                out.write_all(b"\n")
            }
        })
        .and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
