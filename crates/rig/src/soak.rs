//! The soak of money: real servers under load, killed and frozen at random, and two books that have to agree at the end.
//!
//! The simulator keeps a bill of its own in another process, by end user; every call names an end user that (mostly) no other call has. So a
//! call that was charged too much does not hide one that was not charged at all. The servers are killed (`kill -9`), frozen for longer than their
//! leases live, stopped and started again, while callers hang up, run out of time and try again, and the upstream fails in every way that it can.
//!
//! Invariants: bounded in time and count; the same seed makes the same plan (what threads make of it differs); every process that it starts ends
//! with it.
//! Does not know: keyward's crates; it uses the command line, HTTP and the tables.

mod books;
mod budget_laws;
mod caller;
mod chaos;
mod compare;
mod dice;
mod faults;
mod finding;
mod http_client;
mod plan;
mod query;
mod report;
mod roster;
mod server;
mod simulator;
mod watch;
mod wish;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::clock::now;
use books::Books;
use caller::{Caller, Journal};
use dice::Dice;
use plan::Plan;
use roster::Roster;
use server::{Database, Place};
use simulator::Simulator;

pub use finding::Finding;
pub use report::SoakReport;
pub use simulator::SimulatorProcess;

/// How long what was written off may take to be settled, beyond the life of a lease.
const RECOVERY_MAX: Duration = Duration::from_secs(30);
/// Between two looks at what is still held.
const RECOVERY_PAUSE: Duration = Duration::from_millis(200);
/// How long the simulator may take to notice that its clients are gone.
const BILL_SETTLES_MAX: Duration = Duration::from_secs(20);

/// Where the ledger is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoakDatabase {
    /// One server on one file.
    Sqlite,
    /// Two servers on a PostgreSQL server of their own.
    Postgres,
}

/// One soak.
#[derive(Clone, Debug)]
pub struct Soak {
    /// The program under test.
    pub keyward: PathBuf,
    /// The data port of the simulator, as in `http://127.0.0.1:4010/v1`.
    pub simulator_url: String,
    /// Its control port, as in `http://127.0.0.1:4011`.
    pub control_url: String,
    /// Where the ledger is.
    pub database: SoakDatabase,
    /// How often a server is ended by `kill -9`.
    pub kills: u32,
    /// How long callers call.
    pub lasts: Duration,
    /// Callers at the same time.
    pub callers: u32,
    /// What all choices come from.
    pub seed: u64,
    /// Whether budgets are set and held; without them nothing is written off, and what a kill loses is only counted.
    pub budgets: bool,
    /// Where to keep the servers' logs and the database after a failure.
    pub remains: Option<PathBuf>,
}

impl Soak {
    /// Runs it to its end and compares the books.
    ///
    /// Errors: something could not be started or read. What the comparison finds is in the report instead.
    pub async fn run(&self) -> io::Result<SoakReport> {
        let database = match self.database {
            SoakDatabase::Sqlite => Database::Sqlite,
            SoakDatabase::Postgres => Database::postgres().await?,
        };
        let place = Arc::new(Place::new(self, database)?);
        let outcome = self.run_in(&place).await;
        let failed = outcome.as_ref().map_or(true, |report| !report.passed());
        if failed && let Some(remains) = &self.remains {
            place.copy_to(remains)?;
        }
        outcome
    }

    async fn run_in(&self, place: &Arc<Place>) -> io::Result<SoakReport> {
        let start = now();
        let mut dice = Dice::new(self.seed);
        let simulator = Simulator::new(&self.control_url)?;
        simulator.forget().await?;
        let plan = Arc::new(Plan::set_up(place, self.budgets).await?);
        let roster = Arc::new(Roster::new(start, self.servers()));

        let feeder = tokio::spawn(faults::feed(simulator.clone(), dice.fork()));
        let watcher = watch::start(place, self.budgets);
        let mut chaos = JoinSet::new();
        for slot in 0..self.servers() {
            let actions = chaos::draw(&mut dice, self, slot);
            chaos.spawn(chaos::run(
                Arc::clone(place),
                Arc::clone(&roster),
                slot,
                actions,
                dice.fork(),
            ));
        }
        let journal = self.call(&plan, &roster, &mut dice, &mut chaos).await?;
        feeder.abort();
        place.recover(&roster, self.budgets).await?;
        let watched = watcher.stop().await?;
        let bill = simulator.settled_bill(BILL_SETTLES_MAX).await?;
        let books = Books::read(place, self.budgets).await?;
        let listed = if self.budgets {
            Some(place.json(&["budget", "list", "--format", "json"]).await?)
        } else {
            None
        };
        let told = place
            .json(&["usage", "--by", "model", "--format", "json"])
            .await?;
        let lives = roster.lives();
        let evidence = compare::Evidence {
            budgets: self.budgets,
            journal: &journal,
            bill: &bill,
            books: &books,
            lives: &lives,
            watched: &watched,
            told: &told,
            listed: listed.as_ref(),
        };
        let outcome = compare::compare(&evidence);
        Ok(SoakReport::new(self, outcome, &evidence, now() - start))
    }

    fn servers(&self) -> usize {
        match self.database {
            SoakDatabase::Sqlite => 1,
            SoakDatabase::Postgres => 2,
        }
    }

    /// Runs the callers for as long as the servers' fates take.
    async fn call(
        &self,
        plan: &Arc<Plan>,
        roster: &Arc<Roster>,
        dice: &mut Dice,
        chaos: &mut JoinSet<io::Result<()>>,
    ) -> io::Result<Journal> {
        let client = http_client::client();
        let mut callers = JoinSet::new();
        for number in 0..self.callers {
            let caller = Caller::new(number, plan, roster, client.clone(), dice.fork());
            callers.spawn(caller.run());
        }
        while let Some(ended) = chaos.join_next().await {
            ended.map_err(io::Error::other)??;
        }
        roster.close();
        let mut journal = Journal::default();
        while let Some(ended) = callers.join_next().await {
            journal.append(ended.map_err(io::Error::other)?);
        }
        Ok(journal)
    }
}
