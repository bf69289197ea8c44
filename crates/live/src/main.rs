//! The binary `live-suite`, run by `cargo xtask test-live`.
//!
//! Invariants: exit code 0 passed, 1 failed, 2 could not run; the key comes from the environment and goes nowhere else.
//! Does not know: what is checked.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use live::Options;

/// What child processes need of the environment: programs and certificates.
const PASSED_ON: [&str; 3] = ["PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let _closed = writeln!(std::io::stderr(), "live-suite: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(words: &[String]) -> anyhow::Result<bool> {
    let options = Options::read(words)?;
    if let (Some(old), Some(new)) = (&options.compare, &options.compare_with) {
        let comparison = live::compare_reports(old, new, &options)?;
        say(&comparison.markdown());
        return Ok(comparison.broken.is_empty());
    }
    let environment: BTreeMap<String, String> = PASSED_ON
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), variable(name)?)))
        .collect();
    let report_dir = options.report_dir.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let report = runtime.block_on(live::run(
        options,
        variable("OPENAI_API_KEY"),
        environment,
        &say,
    ))?;
    if let Some(compared) = &report.compared {
        say(&format!(
            "\ncompared with the older report:\n{}",
            compared.markdown()
        ));
    }
    say(&format!(
        "\n{}\nthe report: {}",
        report.verdict(),
        report_dir.join("report.md").display()
    ));
    Ok(report.passed())
}

fn say(text: &str) {
    // Whoever reads may have left.
    let _closed = writeln!(std::io::stdout(), "{text}");
}

/// Reads a variable; empty counts as absent.
#[expect(
    clippy::disallowed_methods,
    reason = "the binary reads the environment here and passes it on"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
