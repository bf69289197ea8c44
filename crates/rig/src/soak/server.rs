//! The program under test: its place on disk, its commands and its server processes.
//!
//! Invariants: a server never outlives its value; what all of them write is kept in one log each.
//! Does not know: when a server is to end.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::Soak;
use super::roster::{Address, Roster};
use crate::clock::now;
use crate::postgres::Postgres;

/// How long money lent to a server that is gone stays lent: the shortest that can be set.
pub(crate) const LEASE_LIFE: Duration = Duration::from_secs(3);
/// Longest attempt upstream.
pub(crate) const ATTEMPT_MAX: Duration = Duration::from_secs(6);
const START_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(30);
/// What stands in the last line of the start's message.
const BANNER_END: &str = "Stop: Ctrl-C";
/// Bytes of a log that an error shows.
const LOG_BYTES_SHOWN: usize = 2_000;

/// Where the ledger is.
pub(crate) enum Database {
    Sqlite,
    Postgres(Arc<Postgres>),
}

impl Database {
    /// A database server of its own.
    pub(crate) async fn postgres() -> io::Result<Self> {
        let started = tokio::task::spawn_blocking(Postgres::start).await;
        let postgres = started.map_err(io::Error::other)??;
        Ok(Self::Postgres(Arc::new(postgres)))
    }
}

/// A directory with the program's environment.
pub(crate) struct Place {
    directory: TempDir,
    keyward: PathBuf,
    environment: Vec<(String, String)>,
    pub(crate) database: Database,
    servers: AtomicUsize,
}

/// A server process.
pub(crate) struct Server {
    child: Child,
    id: u32,
    log: PathBuf,
    pub(crate) life: usize,
}

impl Place {
    pub(crate) fn new(soak: &Soak, database: Database) -> io::Result<Self> {
        let directory = TempDir::new()?;
        let sqlite = directory.path().join("data").join("keyward.db");
        let database_url = match &database {
            Database::Sqlite => format!("sqlite:///{}", sqlite.display()),
            Database::Postgres(postgres) => postgres.url(),
        };
        // Made up, and put together here so that no file holds anything of its shape.
        let key = ["sk", "-", "made-up-for-the-soak-of-money-0001"].concat();
        let root = [
            "4c91e07ab2d8",
            "f6350e9a17c4",
            "8db26f05e3a9",
            "71c8d4b6e2f0",
            "5a39",
        ];
        let mut environment = vec![
            ("OPENAI_API_KEY", key),
            ("OPENAI_BASE_URL", soak.simulator_url.clone()),
            ("SECRET_KEY", root.concat()),
            ("DATABASE_URL", database_url),
            (
                "KEYWARD_DATA_DIR",
                directory.path().join("data").display().to_string(),
            ),
            ("KEYWARD_LIMITS__REQUESTS_PER_MINUTE", "10000000".to_owned()),
            ("KEYWARD_TIMEOUTS__FIRST_BYTE", "2s".to_owned()),
            ("KEYWARD_TIMEOUTS__IDLE", "2s".to_owned()),
            (
                "KEYWARD_TIMEOUTS__TOTAL",
                format!("{}s", ATTEMPT_MAX.as_secs()),
            ),
            ("KEYWARD_STREAM__DRAIN", "1s".to_owned()),
            ("KEYWARD_SERVER__DRAIN", "2s".to_owned()),
            ("KEYWARD_BREAKER__OPEN_FOR", "300ms".to_owned()),
            ("KEYWARD_BREAKER__CONSECUTIVE_FAILURES_MAX", "12".to_owned()),
            ("KEYWARD_LOG__LEVEL", "warn".to_owned()),
        ];
        if soak.budgets {
            environment.push((
                "KEYWARD_BUDGETS__LEASE_LIFE",
                format!("{}s", LEASE_LIFE.as_secs()),
            ));
            environment.push(("KEYWARD_BUDGETS__WAIT", "500ms".to_owned()));
        }
        Ok(Self {
            keyward: soak.keyward.canonicalize()?,
            environment: environment
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            directory,
            database,
            servers: AtomicUsize::new(0),
        })
    }

    /// Where SQLite keeps everything.
    pub(crate) fn sqlite_file(&self) -> PathBuf {
        self.directory.path().join("data").join("keyward.db")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.keyward);
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs a command that must succeed, and reads its JSON; nothing where it writes nothing.
    ///
    /// Errors: it failed; what it said.
    pub(crate) async fn json(&self, arguments: &[&str]) -> io::Result<Value> {
        let output = self.command(arguments).output().await?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let words = arguments.join(" ");
            return Err(io::Error::other(format!("keyward {words}: {said}")));
        }
        if output.stdout.is_empty() {
            return Ok(Value::Null);
        }
        let read = serde_json::from_slice(&output.stdout);
        Ok(read.unwrap_or(Value::Null))
    }

    /// Starts a server process and does not wait for anything.
    pub(crate) fn launch(&self, life: usize) -> io::Result<Server> {
        let number = self.servers.fetch_add(1, Ordering::Relaxed);
        let log = self.directory.path().join(format!("server-{number}.log"));
        let mut command = self.command(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ]);
        command.stdout(Stdio::piped()).stderr(File::create(&log)?);
        let child = command.spawn()?;
        let id = child
            .id()
            .ok_or_else(|| io::Error::other("a server without an id"))?;
        Ok(Server {
            child,
            id,
            log,
            life,
        })
    }

    /// Starts one more server after the last kill, waits until nothing is lent to the dead any more, and stops it in order.
    ///
    /// Errors: something stays lent, or the server does not start or stop in order.
    pub(crate) async fn recover(&self, roster: &Roster, budgets: bool) -> io::Result<()> {
        let mut server = self.launch(roster.born())?;
        server.until_open().await?;
        // This last one has no calls, so what is held is a dead one's; their time is up one by one.
        let end = now() + LEASE_LIFE + super::RECOVERY_MAX;
        while budgets && self.holders().await? > 0 {
            if now() > end {
                return Err(io::Error::other(
                    "leases of dead servers are not written off",
                ));
            }
            tokio::time::sleep(super::RECOVERY_PAUSE).await;
        }
        server.stop().await
    }

    /// Copies logs and database, to be looked at.
    pub(crate) fn copy_to(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        for file in fs::read_dir(self.directory.path())?.chain(
            fs::read_dir(self.directory.path().join("data"))
                .into_iter()
                .flatten(),
        ) {
            let file = file?;
            if file.file_type()?.is_file() {
                fs::copy(file.path(), folder.join(file.file_name()))?;
            }
        }
        Ok(())
    }
}

impl Server {
    /// Waits until it listens.
    ///
    /// Errors: it ended instead, or took too long; the end of its log.
    pub(crate) async fn until_open(&mut self) -> io::Result<Address> {
        let out = self.child.stdout.take();
        let out = out.ok_or_else(|| io::Error::other("a server that was waited for"))?;
        let mut lines = BufReader::new(out).lines();
        let mut base_url = None;
        let reading = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(rest) = line.trim().strip_prefix("base_url") {
                    base_url = Some(rest.trim().to_owned());
                }
                if line.contains(BANNER_END) {
                    return Ok(());
                }
            }
            Err(io::Error::from(io::ErrorKind::UnexpectedEof))
        };
        let read = tokio::time::timeout(START_MAX, reading).await;
        let read = read.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)));
        match (read, base_url) {
            (Ok(()), Some(base_url)) => {
                // Its later lines go nowhere, so that it never waits for a reader.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                Ok(Address {
                    base_url,
                    life: self.life,
                })
            }
            (read, _) => Err(io::Error::other(format!(
                "a server did not start ({read:?}): {}",
                self.log_end()
            ))),
        }
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) async fn kill(&mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// SIGTERM, and waits for its end.
    ///
    /// Errors: it did not end in time, or not with 0.
    pub(crate) async fn stop(&mut self) -> io::Result<()> {
        self.signal("-TERM").await?;
        let ended = tokio::time::timeout(STOP_MAX, self.child.wait()).await;
        let status = ended.map_err(|_| io::Error::other("a server did not stop"))??;
        if status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "a server stopped with {status}: {}",
            self.log_end()
        )))
    }

    /// Sends a signal by name.
    pub(crate) async fn signal(&self, name: &str) -> io::Result<()> {
        Command::new("/bin/kill")
            .args([name, &self.id.to_string()])
            .stderr(Stdio::null())
            .status()
            .await
            .map(drop)
    }

    fn log_end(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let from = log.floor_char_boundary(log.len().saturating_sub(LOG_BYTES_SHOWN));
        log.get(from..).unwrap_or_default().to_owned()
    }
}
