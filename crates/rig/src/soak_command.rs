//! `rig soak`: the soak of money on one database or both, and its report on standard output.
//!
//! Invariants: ends with an error if any law did not hold; the report comes out in either case.
//! Does not know: how the soak works.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use rig::{SimulatorProcess, Soak, SoakDatabase};

use crate::{HELP, pairs, print};

/// Seconds for each kill, where no length is given.
const SECONDS_PER_KILL: u64 = 2;
const SECONDS_MIN: u64 = 15;

/// What was asked for.
struct Options {
    keyward: PathBuf,
    simulator: PathBuf,
    databases: Vec<SoakDatabase>,
    kills: u32,
    seconds: Option<u64>,
    callers: u32,
    seed: u64,
    budgets: bool,
    remains: Option<PathBuf>,
}

/// Runs it.
pub(crate) fn run(words: &[String]) -> anyhow::Result<()> {
    let options = Options::read(words)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let passed = runtime.block_on(soak(&options))?;
    if !passed {
        bail!("a law did not hold; the seed was {}", options.seed);
    }
    Ok(())
}

async fn soak(options: &Options) -> anyhow::Result<bool> {
    let mut passed = true;
    for database in &options.databases {
        let simulator = SimulatorProcess::start(&options.simulator).await;
        let simulator = simulator.context("start the simulator")?;
        let seconds = SECONDS_PER_KILL * u64::from(options.kills);
        let soak = Soak {
            keyward: options.keyward.clone(),
            simulator_url: simulator.simulator_url.clone(),
            control_url: simulator.control_url.clone(),
            database: *database,
            kills: options.kills,
            lasts: Duration::from_secs(options.seconds.unwrap_or(seconds.max(SECONDS_MIN))),
            callers: options.callers,
            seed: options.seed,
            budgets: options.budgets,
            remains: options.remains.clone(),
        };
        let report = soak.run().await;
        let report = report.with_context(|| format!("soak with the seed {}", options.seed))?;
        print(&report.text)?;
        passed &= report.passed();
    }
    Ok(passed)
}

impl Options {
    fn read(words: &[String]) -> anyhow::Result<Self> {
        let mut options = Self {
            keyward: PathBuf::new(),
            simulator: PathBuf::new(),
            databases: vec![SoakDatabase::Sqlite, SoakDatabase::Postgres],
            kills: 50,
            seconds: None,
            callers: 200,
            seed: 1,
            budgets: true,
            remains: None,
        };
        for (name, value) in pairs(words)? {
            match name {
                "--keyward" => options.keyward = value.into(),
                "--simulator" => options.simulator = value.into(),
                "--kills" => options.kills = value.parse().context("--kills")?,
                "--seconds" => options.seconds = Some(value.parse().context("--seconds")?),
                "--callers" => options.callers = value.parse().context("--callers")?,
                "--seed" => options.seed = value.parse().context("--seed")?,
                "--budgets" => options.budgets = value != "off",
                "--remains" => options.remains = Some(value.into()),
                "--database" => {
                    options.databases = match value {
                        "sqlite" => vec![SoakDatabase::Sqlite],
                        "postgres" => vec![SoakDatabase::Postgres],
                        "both" => vec![SoakDatabase::Sqlite, SoakDatabase::Postgres],
                        _ => bail!("there is no database `{value}`\n{HELP}"),
                    }
                }
                other => bail!("there is no option `{other}`\n{HELP}"),
            }
        }
        Ok(options)
    }
}
