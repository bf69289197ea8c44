//! A process that this bench started, and that ends with it.
//!
//! Invariants: ended by its own id, politely first; its children too.
//! Does not know: what runs.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::cpu;
use crate::step::{cannot_start, wait};

/// The core that upstream and load share.
pub(crate) const CORE_OF_LOAD: u32 = 0;
/// The core that the proxy under test has alone.
pub(crate) const CORE_OF_PROXY: u32 = 1;

const CHECKS_MAX: u32 = 100;
const CHECK_PAUSE: Duration = Duration::from_millis(100);

/// A command that is pinned to one core.
pub(crate) fn pinned(core: u32, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.arg("--cpu-list").arg(core.to_string()).arg(program);
    command
}

/// A loopback port that was free a moment ago.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// A running process.
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts it; what it complains about goes to a log in the folder.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("create {}", log.display()))?;
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file);
        let child = command
            .spawn()
            .map_err(|error| cannot_start(command, &error))?;
        Ok(Self { name, child, log })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where its complaints are.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// The first line that it writes to standard output.
    pub(crate) fn first_line(&mut self) -> anyhow::Result<String> {
        let out = self.child.stdout.take().context("standard output")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        if line.is_empty() {
            bail!(
                "{} ended at its start; see {}",
                self.name,
                self.log.display()
            );
        }
        Ok(line)
    }

    /// Waits until a GET of the path is answered with 200.
    pub(crate) fn until_answers(&mut self, address: &str, path: &str) -> anyhow::Result<()> {
        for _ in 0..CHECKS_MAX {
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "{} ended with {status}; see {}",
                    self.name,
                    self.log.display()
                );
            }
            if get(address, path).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
                return Ok(());
            }
            wait(CHECK_PAUSE);
        }
        bail!(
            "{} does not answer at {address}{path}; see {}",
            self.name,
            self.log.display()
        )
    }

    /// Passes its standard output to nowhere, so that it never waits for a reader.
    pub(crate) fn drain(&mut self) {
        if let Some(mut out) = self.child.stdout.take() {
            std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let all = cpu::tree(self.id()).unwrap_or_else(|_| vec![self.id()]);
        signal("-TERM", &[self.id()]);
        for _ in 0..CHECKS_MAX {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            wait(CHECK_PAUSE);
        }
        signal("-KILL", &all);
        let _reaped = self.child.wait();
    }
}

fn signal(which: &str, processes: &[u32]) {
    let ids = processes.iter().map(u32::to_string);
    let _gone_already = Command::new("kill")
        .arg(which)
        .args(ids)
        .stderr(Stdio::null())
        .status();
}

fn get(address: &str, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{CHECK_PAUSE, CHECKS_MAX, Running, wait};
    use crate::cpu;

    #[test]
    fn what_was_started_is_gone_when_dropped_with_its_children() {
        let folder = std::env::temp_dir();
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "trap 'kill $!; exit' TERM; sleep 60 & echo ready; wait",
        ]);
        let mut running = Running::start("xtask-test-running", &mut command, &folder).unwrap();
        assert_eq!(running.first_line().unwrap(), "ready\n");
        let all = cpu::tree(running.id()).unwrap();
        assert_eq!(all.len(), 2, "the shell and its sleep");
        drop(running);
        let runs = |process: &u32| {
            std::fs::read_to_string(format!("/proc/{process}/stat"))
                .is_ok_and(|stat| !stat.contains(") Z "))
        };
        // The shell tells its child to end and does not wait for it.
        for _ in 0..CHECKS_MAX {
            if !all.iter().any(runs) {
                return;
            }
            wait(CHECK_PAUSE);
        }
        panic!("one of {all:?} still runs");
    }
}
