//! The built binary `keyward` before an upstream: a directory, an environment, a process and a virtual key.
//!
//! Invariants: a process never outlives its value; what it writes is kept, up to `LOG_BYTES_MAX`.
//! Does not know: what is asked of it.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use tempfile::TempDir;

/// How long a start may take on a busy machine.
const START_MAX: Duration = Duration::from_secs(30);
/// What stands in the last line of the start's message.
const BANNER_END: &str = "Stop: Ctrl-C";
/// What is kept of what it writes.
const LOG_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a process is started with.
pub(crate) struct Start<'a> {
    /// The binary.
    pub(crate) program: &'a Path,
    /// The environment, whole.
    pub(crate) environment: Vec<(String, String)>,
    /// The text of `prices.local.toml`.
    pub(crate) prices: &'a str,
}

/// A process that listens.
pub(crate) struct Keyward {
    child: Child,
    directory: TempDir,
    program: std::path::PathBuf,
    environment: Vec<(String, String)>,
    written: Arc<Mutex<String>>,
    /// Where applications call, as in `http://127.0.0.1:4010/v1`.
    pub(crate) base_url: String,
    /// A virtual key of it.
    pub(crate) key: String,
}

impl Keyward {
    /// Makes a virtual key, starts the server on free ports and waits until it listens.
    pub(crate) fn start(start: Start<'_>) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir().context("make a directory for keyward")?;
        let settings = directory.path().join("config");
        std::fs::create_dir(&settings)?;
        std::fs::write(settings.join("prices.local.toml"), start.prices)?;
        let at = |arguments: &[&str]| {
            command(
                start.program,
                directory.path(),
                &start.environment,
                arguments,
            )
        };
        let made = json(at(&[
            "keys", "create", "--name", "live", "--format", "json",
        ]))?;
        let key = made["key"]
            .as_str()
            .context("the new virtual key")?
            .to_owned();
        let mut child = at(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("start keyward")?;
        let written = Arc::new(Mutex::new(String::new()));
        let (sender, banner) = std::sync::mpsc::channel();
        keep(
            child.stdout.take().context("keyward's standard output")?,
            &written,
            Some(sender),
        );
        keep(
            child.stderr.take().context("keyward's standard error")?,
            &written,
            None,
        );
        let mut keyward = Self {
            child,
            program: start.program.to_owned(),
            environment: start.environment,
            directory,
            written,
            base_url: String::new(),
            key,
        };
        let Ok(banner) = banner.recv_timeout(START_MAX) else {
            bail!("keyward did not start:\n{}", keyward.written());
        };
        let line = banner
            .lines()
            .find_map(|line| line.trim().strip_prefix("base_url"));
        keyward.base_url = line
            .context("the base URL in keyward's start message")?
            .trim()
            .to_owned();
        Ok(keyward)
    }

    /// All that it wrote so far.
    pub(crate) fn written(&self) -> String {
        self.written
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Runs a command beside the server and reads its JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        json(command(
            &self.program,
            self.directory.path(),
            &self.environment,
            arguments,
        ))
    }
}

impl Drop for Keyward {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(
    program: &Path,
    directory: &Path,
    environment: &[(String, String)],
    arguments: &[&str],
) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null());
    command
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

fn json(mut command: Command) -> anyhow::Result<Value> {
    let output = command.output().context("run keyward")?;
    if !output.status.success() {
        bail!(
            "keyward ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    serde_json::from_slice(&output.stdout).context("read what keyward wrote")
}

/// Keeps what a child writes; sends the start's message once it is whole.
fn keep(
    stream: impl Read + Send + 'static,
    written: &Arc<Mutex<String>>,
    banner: Option<std::sync::mpsc::Sender<String>>,
) {
    let written = Arc::clone(written);
    // The thread ends when the child's stream does.
    std::thread::spawn(move || {
        let mut head = Some(String::new()).filter(|_| banner.is_some());
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut kept = written.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() + line.len() < LOG_BYTES_MAX {
                kept.push_str(&line);
                kept.push('\n');
            }
            drop(kept);
            let Some(text) = head.as_mut() else { continue };
            text.push_str(&line);
            text.push('\n');
            if line.contains(BANNER_END) {
                let text = head.take().unwrap_or_default();
                // Who waited may have given up.
                let _ = banner.as_ref().map(|sender| sender.send(text));
            }
        }
    });
}
