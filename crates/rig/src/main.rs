//! The binary `rig`: a canned upstream or a load, each as a process of its own, so that a bench can pin it to a core; and the soak of money.
//!
//! Invariants: standard output carries one line of JSON, or the soak's report, and nothing else; ends when standard input ends or its work is done.
//! Does not know: what is being measured.

mod soak_command;

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail};
use rig::{CannedUpstream, Load, Outcome, UpstreamOptions};

const HELP: &str = "rig upstream [--listen A] [--answer-bytes N] [--chunks N] [--pause-us N]
rig load --address A [--path P] [--headers FILE] [--body-bytes N] [--model M] [--stream yes] [--connections N] [--seconds S]
rig soak --keyward FILE --simulator FILE [--database sqlite|postgres|both] [--kills N] [--seconds N] [--callers N] [--seed N] [--budgets on|off] [--remains FOLDER]";

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, options)) = words.split_first() else {
        bail!("a command is needed\n{HELP}")
    };
    if command == "soak" {
        return soak_command::run(options);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match command.as_str() {
        "upstream" => runtime.block_on(upstream(&upstream_options(options)?)),
        "load" => runtime.block_on(load(&load_options(options)?)),
        other => bail!("there is no command `{other}`\n{HELP}"),
    }
}

async fn upstream(options: &UpstreamOptions) -> anyhow::Result<()> {
    let upstream = CannedUpstream::start(options.clone())
        .await
        .context("listen")?;
    print(&format!("{{\"listening\":\"{}\"}}", upstream.address()))?;
    let input_ended =
        tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    tokio::select! {
        () = upstream.serve() => Ok(()),
        ended = input_ended => ended?.map(|_| ()).context("wait for the end of standard input"),
    }
}

async fn load(load: &Load) -> anyhow::Result<()> {
    let outcome = load.run().await?;
    if let Some(error) = &outcome.first_error {
        let _closed = writeln!(
            std::io::stderr(),
            "first of {} errors: {error}",
            outcome.errors
        );
    }
    print(&json(&outcome))
}

fn json(outcome: &Outcome) -> String {
    let seconds = outcome.took.as_secs_f64();
    format!(
        "{{\"requests\":{},\"errors\":{},\"seconds\":{seconds:.6},\"requests_per_second\":{:.1},\"body_bytes\":{},\"latency_us_p50\":{},\"latency_us_p99\":{}}}",
        outcome.requests,
        outcome.errors,
        outcome.requests as f64 / seconds,
        outcome.body_bytes,
        outcome.latency_p50.as_micros(),
        outcome.latency_p99.as_micros()
    )
}

fn print(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .context("write the result")
}

fn upstream_options(words: &[String]) -> anyhow::Result<UpstreamOptions> {
    let mut options = UpstreamOptions::default();
    for (name, value) in pairs(words)? {
        match name {
            "--listen" => options.listen = value.parse().context("--listen")?,
            "--answer-bytes" => options.answer_bytes = value.parse().context("--answer-bytes")?,
            "--chunks" => options.chunks = value.parse().context("--chunks")?,
            "--pause-us" => {
                options.chunk_pause = Duration::from_micros(value.parse().context("--pause-us")?)
            }
            other => bail!("there is no option `{other}`\n{HELP}"),
        }
    }
    Ok(options)
}

fn load_options(words: &[String]) -> anyhow::Result<Load> {
    let pairs = pairs(words)?;
    let address = pairs
        .iter()
        .find(|(name, _)| *name == "--address")
        .context("--address is needed")?
        .1;
    let mut load = Load::new(address.parse().context("--address")?);
    for (name, value) in pairs {
        match name {
            "--address" => {}
            "--path" => load.path = value.to_owned(),
            "--headers" => {
                load.headers = std::fs::read_to_string(value)
                    .context("read --headers")?
                    .lines()
                    .map(str::to_owned)
                    .collect()
            }
            "--body-bytes" => load.body_bytes = value.parse().context("--body-bytes")?,
            "--model" => load.model = value.to_owned(),
            "--stream" => load.stream = value == "yes",
            "--connections" => load.connections = value.parse().context("--connections")?,
            "--seconds" => {
                load.lasts = Duration::try_from_secs_f64(value.parse().context("--seconds")?)?
            }
            other => bail!("there is no option `{other}`\n{HELP}"),
        }
    }
    Ok(load)
}

/// Options as pairs of name and value.
fn pairs(words: &[String]) -> anyhow::Result<Vec<(&str, &str)>> {
    if !words.len().is_multiple_of(2) {
        bail!("every option has a value\n{HELP}");
    }
    Ok(words
        .chunks_exact(2)
        .filter_map(|pair| Some((pair.first()?.as_str(), pair.last()?.as_str())))
        .collect())
}
