//! A PostgreSQL server of its own for one test, and the ways in which a server fails: stopped, killed, restarted, frozen.
//!
//! Invariants: loopback, a free port, a temporary directory; never runs as root; fsync is on, as where it counts; ended by its process id, also when
//! the test is killed.
//! Does not know: whose tables it holds.

mod setup;

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::postgres::setup::Installation;

/// The role that owns everything and needs no password.
pub const POSTGRES_USER: &str = "keyward";
/// A role that must give one: [`POSTGRES_PASSWORD`].
pub const POSTGRES_GUARDED_USER: &str = "guarded";
/// The password of [`POSTGRES_GUARDED_USER`], with signs that a URL must escape.
pub const POSTGRES_PASSWORD: &str = "open: sesame/?#";

/// How long a start or a stop may take before it counts as failed.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Another program may take a port between its choice and its use.
const PORTS_TRIED_MAX: usize = 5;
/// Lines of the server's log that are kept for an error.
const LOG_LINES_MAX: usize = 40;
const READY: &str = "ready to accept connections";

/// A server. It is ended and its directory removed when this is dropped.
#[derive(Debug)]
pub struct Postgres {
    installation: Installation,
    /// The server's directory lies in it.
    directory: tempfile::TempDir,
    port: u16,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    process_id: u32,
    /// Starts the server and waits for it: Linux sends the death signal when the thread that started a process ends.
    keeper: JoinHandle<io::Result<ExitStatus>>,
}

impl Postgres {
    /// Makes a database cluster and starts a server on it, with one empty database. Blocks for about two seconds.
    ///
    /// Errors: `NotFound` with the line to type if there is no PostgreSQL; what the server said if it does not start.
    pub fn start() -> io::Result<Self> {
        let installation = Installation::find()?;
        let directory = installation.make_cluster()?;
        let mut postgres = Self {
            installation,
            directory,
            port: 0,
            running: None,
        };
        let mut outcome = Ok(());
        for _ in 0..PORTS_TRIED_MAX {
            postgres.port = free_port()?;
            outcome = postgres.launch();
            if outcome.is_ok() {
                postgres.installation.make_roles(postgres.port)?;
                return Ok(postgres);
            }
        }
        outcome.map(|()| postgres)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The URL of its database, without a password and without TLS.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_at(self.address())
    }

    /// The same as seen at another address, such as a proxy's.
    #[must_use]
    pub fn url_at(&self, address: SocketAddr) -> String {
        format!("postgresql://{POSTGRES_USER}@{address}/{POSTGRES_USER}?sslmode=disable")
    }

    /// Runs SQL behind the back of whoever is tested; gives what `psql` prints, without headings.
    ///
    /// Errors: what `psql` said.
    pub fn psql(&self, sql: &str) -> io::Result<String> {
        self.installation.psql(self.port, sql)
    }

    /// Ends the server in order: open transactions are rolled back, the data is written.
    ///
    /// Errors: it does not end.
    pub fn stop(&mut self) -> io::Result<()> {
        self.end("INT")
    }

    /// Ends the server as a crash would: what is not in its log is lost.
    ///
    /// Errors: it does not end.
    pub fn crash(&mut self) -> io::Result<()> {
        self.end("QUIT")
    }

    /// Starts it again after [`Postgres::stop`] or [`Postgres::crash`], at the same address.
    ///
    /// Errors: what the server said.
    pub fn restart(&mut self) -> io::Result<()> {
        self.end("INT")?;
        self.launch()
    }

    /// Freezes the server and every process of its connections: they stay open and nothing answers.
    ///
    /// Errors: a process can't be signalled.
    pub fn pause(&self) -> io::Result<()> {
        // The parent first, so that no new process slips through.
        self.signal_all("STOP")?;
        self.signal_all("STOP")
    }

    /// Lets it go on after [`Postgres::pause`].
    ///
    /// Errors: a process can't be signalled.
    pub fn resume(&self) -> io::Result<()> {
        self.signal_all("CONT")
    }

    fn signal_all(&self, name: &str) -> io::Result<()> {
        let Some(running) = &self.running else {
            return Ok(());
        };
        signal(name, &[running.process_id])?;
        signal(name, &children_of(running.process_id)?)
    }

    fn end(&mut self, name: &str) -> io::Result<()> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        signal(name, &[running.process_id])?;
        let ended = running.keeper.join();
        ended.unwrap_or_else(|_| Err(io::Error::other("the keeper of the server panicked")))?;
        Ok(())
    }

    fn launch(&mut self) -> io::Result<()> {
        let mut command = self
            .installation
            .server(&self.directory.path().join("data"), self.port);
        let (told, tells) = mpsc::channel();
        let keeper = std::thread::Builder::new()
            .name("rig-postgres".to_owned())
            .spawn(move || keep(&mut command, &told))?;
        let mut process_id = 0;
        loop {
            match tells.recv_timeout(WAIT_MAX) {
                Ok(Told::Started(id)) => process_id = id,
                Ok(Told::Ready) => {
                    self.running = Some(Running { process_id, keeper });
                    return Ok(());
                }
                Ok(Told::Ended(log)) => {
                    return Err(io::Error::other(format!("PostgreSQL ended: {log}")));
                }
                Err(RecvTimeoutError::Timeout) => {
                    signal("QUIT", &[process_id])?;
                    return Err(io::Error::from(io::ErrorKind::TimedOut));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let ended = keeper.join();
                    ended.unwrap_or_else(|_| Err(io::Error::other("the keeper panicked")))?;
                    return Err(io::Error::other("PostgreSQL ended and said nothing"));
                }
            }
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A frozen process takes no order but this one. Nothing more can be done about an error here.
        let _ = self.resume();
        let _ = self.end("QUIT");
    }
}

enum Told {
    Started(u32),
    Ready,
    Ended(String),
}

/// Starts the server, reads its log and waits for its end.
fn keep(command: &mut Command, tell: &Sender<Told>) -> io::Result<ExitStatus> {
    let mut child: Child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    // Who does not listen any more does not need to know.
    let _ = tell.send(Told::Started(child.id()));
    let mut log: Vec<String> = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).lines() {
            let line = line.unwrap_or_default();
            if line.contains(READY) {
                let _ = tell.send(Told::Ready);
            }
            if log.len() < LOG_LINES_MAX {
                log.push(line);
            }
        }
    }
    let status = child.wait();
    let _ = tell.send(Told::Ended(log.join("; ")));
    status
}

fn free_port() -> io::Result<u16> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Sends a signal to processes that this server is made of.
fn signal(name: &str, process_ids: &[u32]) -> io::Result<()> {
    if process_ids.is_empty() {
        return Ok(());
    }
    // One that ended in the meantime is no error.
    Command::new("/bin/kill")
        .arg(format!("-{name}"))
        .args(process_ids.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status()
        .map(drop)
}

/// The processes whose parent is this one.
fn children_of(process_id: u32) -> io::Result<Vec<u32>> {
    let mut children = Vec::new();
    for process in fs::read_dir("/proc")? {
        let path: PathBuf = process?.path();
        let id = path.file_name().and_then(|name| name.to_str());
        let Some(id) = id.and_then(|name| name.parse().ok()) else {
            continue;
        };
        // The name, in brackets, may hold anything; the parent is the second word after it.
        let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        if parent == Some(process_id) {
            children.push(id);
        }
    }
    Ok(children)
}
