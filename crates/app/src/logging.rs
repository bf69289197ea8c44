//! Logs and panics: every line passes the scrubber before it is written.
//!
//! Invariants: nothing else writes to standard error; a line is scrubbed whole, never in pieces.
//! Does not know: what is logged.

use std::io::{self, IsTerminal, Write};

use config::{Log, LogFormat};
use privacy::Scrubber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Starts logging to standard error: JSON, or text where a person looks on.
///
/// Errors: a level that is no filter, or logging that was started before.
pub(crate) fn start(settings: &Log, scrubber: &Scrubber) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.level).map_err(|error| {
        anyhow::anyhow!("read log.level: {error}; use error, warn, info, debug or trace")
    })?;
    let as_text = match settings.format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => io::stderr().is_terminal(),
    };
    let lines = ScrubbedLines {
        scrubber: scrubber.clone(),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lines)
        .with_ansi(false);
    let started = if as_text {
        builder.try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
    started.map_err(|error| anyhow::anyhow!("start logging: {error}"))?;
    log_panics();
    Ok(())
}

/// Writes what a person is to read to standard error, scrubbed.
pub(crate) fn say_error(scrubber: &Scrubber, text: &str) {
    let mut line = scrubber.scrub(text).into_owned();
    line.push('\n');
    // Where standard error is closed, nobody can be told.
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Panics become log lines, so that they are scrubbed as well.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let payload = panic.payload();
        let words = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        tracing::error!(place, "panic: {words}");
    }));
}

/// Before settings are known: panics still pass the scrubber.
pub(crate) fn scrub_early_panics(scrubber: &Scrubber) {
    let scrubber = scrubber.clone();
    std::panic::set_hook(Box::new(move |panic| {
        say_error(&scrubber, &panic.to_string())
    }));
}

#[derive(Clone)]
struct ScrubbedLines {
    scrubber: Scrubber,
}

impl<'writer> MakeWriter<'writer> for ScrubbedLines {
    type Writer = Self;

    fn make_writer(&'writer self) -> Self {
        self.clone()
    }
}

impl Write for ScrubbedLines {
    /// The subscriber hands over each event in one call.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(&self.scrubber.scrub_line(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
