//! The built binary as a test sees it: a directory, an environment, a process, and HTTP.
//!
//! Invariants: a child process never outlives its value; all that it writes is kept for the test to look at.
//! Does not know: what is tested.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub(crate) const KEYWARD: &str = env!("CARGO_BIN_EXE_keyward");
/// A server on free ports.
pub(crate) const SERVE: [&str; 5] = [
    "serve",
    "--listen",
    "127.0.0.1:0",
    "--admin-listen",
    "127.0.0.1:0",
];
/// How long a start may take on a busy machine.
const START_MAX: Duration = Duration::from_secs(30);
/// What stands in the last line of the start's message.
const BANNER_END: &str = "Stop: Ctrl-C";

/// A directory of its own, with an environment, in which commands run.
pub(crate) struct Place {
    pub(crate) directory: TempDir,
    environment: Vec<(String, String)>,
}

impl Place {
    /// An empty directory and nothing in the environment but `environment` and what any program needs.
    pub(crate) fn new(environment: &[(&str, &str)]) -> Self {
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self {
            directory: tempfile::tempdir().unwrap(),
            environment,
        }
    }

    /// Sets a variable for what is started from now on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Where the database is by default.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The command `keyward` with `arguments`, ready to run here.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command_of(KEYWARD);
        command.args(arguments);
        command
    }

    fn command_of(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.directory.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs a command that must succeed, and reads its JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs a command with `input` on its standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    }

    /// A new virtual key's secret.
    pub(crate) fn key(&self, name: &str) -> String {
        self.json(&["keys", "create", "--name", name, "--format", "json"])["key"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Starts a server and waits until it listens.
    pub(crate) fn serve(&self) -> Running {
        self.try_serve()
            .unwrap_or_else(|log| panic!("the server did not start:\n{log}"))
    }

    /// Starts a server; what it wrote where it does not come up.
    pub(crate) fn try_serve(&self) -> Result<Running, String> {
        Self::start(self.command(&SERVE))
    }

    /// Starts a server that can write no file beyond `kibibytes`: its disk is full before long.
    pub(crate) fn serve_on_a_full_disk(&self, kibibytes: u32) -> Running {
        // The signal of the limit is ignored, so that a write fails instead. The shell counts in 512 bytes.
        let script = format!(
            "trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"",
            kibibytes * 2
        );
        let mut command = self.command_of("/bin/sh");
        command.args(["-c", &script, KEYWARD]).args(SERVE);
        Self::start(command).unwrap_or_else(|log| panic!("the server did not start:\n{log}"))
    }

    fn start(mut command: Command) -> Result<Running, String> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let written = Arc::new(Mutex::new(String::new()));
        let (banner_sender, banner) = std::sync::mpsc::channel();
        let readers = vec![
            keep(child.stdout.take().unwrap(), &written, Some(banner_sender)),
            keep(child.stderr.take().unwrap(), &written, None),
        ];
        let mut running = Running {
            child,
            written,
            readers,
            base_url: String::new(),
            admin_url: String::new(),
            first_key: None,
        };
        let Ok(banner) = banner.recv_timeout(START_MAX) else {
            running.kill();
            return Err(running.written());
        };
        let word_after = |mark: &str| {
            banner
                .lines()
                .find_map(|line| line.trim().strip_prefix(mark))
                .map(|rest| rest.trim().to_owned())
        };
        running.base_url = word_after("base_url").unwrap();
        running.admin_url = word_after("metrics")
            .unwrap()
            .trim_end_matches("/metrics")
            .to_owned();
        running.first_key = banner
            .lines()
            .map(str::trim)
            .find(|line| line.starts_with("kw-"))
            .map(str::to_owned);
        Ok(running)
    }
}

/// Keeps what a child writes; sends the start's message once it is whole.
fn keep(
    stream: impl std::io::Read + Send + 'static,
    written: &Arc<Mutex<String>>,
    banner: Option<std::sync::mpsc::Sender<String>>,
) -> JoinHandle<()> {
    let written = Arc::clone(written);
    std::thread::spawn(move || {
        let mut head = String::new();
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            written.lock().unwrap().push_str(&format!("{line}\n"));
            if let Some(sender) = &banner {
                head.push_str(&format!("{line}\n"));
                if line.contains(BANNER_END) {
                    // The test may have given up waiting.
                    let _ = sender.send(std::mem::take(&mut head));
                }
            }
        }
    })
}

/// A server that listens.
pub(crate) struct Running {
    child: Child,
    written: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
    pub(crate) base_url: String,
    pub(crate) admin_url: String,
    pub(crate) first_key: Option<String>,
}

impl Running {
    /// All that it wrote so far, on both streams.
    pub(crate) fn written(&self) -> String {
        self.written.lock().unwrap().clone()
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without warning, as a power cut would.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait().unwrap();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
    }

    /// Asks it to stop and waits for its exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        self.ask_to_stop();
        self.wait()
    }

    /// Sends SIGTERM.
    pub(crate) fn ask_to_stop(&self) {
        assert!(
            Command::new("/bin/kill")
                .args(["-TERM", &self.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let status = self.child.wait().unwrap();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        status.code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An HTTP answer, whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// A header's text; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Sends a request and collects its answer.
pub(crate) async fn send(method: &str, url: &str, key: &str, body: Option<&Value>) -> Answer {
    try_send(method, url, key, body).await.unwrap()
}

/// Sends a request to a server that may end meanwhile: an error where no whole answer came.
pub(crate) async fn try_send(
    method: &str,
    url: &str,
    key: &str,
    body: Option<&Value>,
) -> reqwest::Result<Answer> {
    let response = open(method, url, key, body).await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer {
        status,
        headers,
        body: response.text().await?,
    })
}

/// Sends a request and gives its answer as soon as the head is here.
pub(crate) async fn open(
    method: &str,
    url: &str,
    key: &str,
    body: Option<&Value>,
) -> reqwest::Result<reqwest::Response> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut request = client
        .request(method.parse().unwrap(), url)
        .header("authorization", format!("Bearer {key}"));
    if let Some(body) = body {
        request = request
            .header("content-type", "application/json")
            .body(body.to_string());
    }
    request.send().await
}

/// Bytes as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// All bytes of all files below a directory.
pub(crate) fn all_files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(all_files(&path));
        } else {
            files.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    files
}
