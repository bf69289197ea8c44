//! The simulator as a value: start, script, look at the bill, stop.
//!
//! Invariants: listens on loopback only; nothing of it runs after it was stopped or dropped.
//! Does not know: how calls are answered.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::bill::Bill;
use crate::calls::SeenCall;
use crate::cassette::Cassette;
use crate::lie::Lie;
use crate::replay::Timing;
use crate::script::Script;
use crate::server::{Port, serve};
use crate::state::Shared;

/// The environment variable with a lie that every simulator of the process tells: one lie as [`Lie::read`] reads it.
///
/// It is how a drill plants a lie in tests that know nothing of it.
pub const LIE_VARIABLE: &str = "OPENAI_SIM_LIE";

/// How a simulator starts.
#[derive(Clone)]
pub struct SimOptions {
    /// Where the data port listens. Must be a loopback address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The only key that is let in; `None` lets every call in, with a key or without.
    pub api_key: Option<String>,
    /// Whether there is a control port, on a free port of the same address.
    pub control: bool,
    /// Answers with keyward's headers as keyward would: cost, cache, a UUID as request id. The second identical
    /// embeddings request is then a cache hit.
    pub keyward_headers: bool,
    /// What all paths of the data port begin with; may be empty.
    pub prefix: String,
    /// Changes the ids that answers carry; the same seed gives the same ids.
    pub seed: u64,
    /// Unix seconds: answers say that they were created from then on, a second later each.
    pub created: u64,
    /// Output tokens that are generated, and billed, after a client has left a stream.
    pub cancel_lag_tokens: u64,
    /// Answers every call from a cassette that was scrubbed, and nothing else: no key is asked for, and scripts, lies
    /// and the bill rest.
    pub cassette: Option<Arc<Cassette>>,
    /// How fast a cassette is played.
    pub replay_speed: Timing,
}

impl Default for SimOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            api_key: None,
            control: false,
            keyward_headers: false,
            prefix: "/v1".to_owned(),
            seed: 0,
            created: 1_790_000_000,
            cancel_lag_tokens: 8,
            cassette: None,
            replay_speed: Timing::AsRecorded,
        }
    }
}

/// A running simulator. Dropping it ends it at once.
pub struct Sim {
    shared: Arc<Shared>,
    address: SocketAddr,
    control_address: Option<SocketAddr>,
    tasks: Vec<JoinHandle<()>>,
}

impl Sim {
    /// Listens and serves, from when it returns. Needs a tokio runtime with I/O and time.
    ///
    /// The lie in the environment variable [`LIE_VARIABLE`], if any, is told from the start.
    ///
    /// Errors: the address is not loopback, or can't be listened on; [`LIE_VARIABLE`] holds no lie.
    pub async fn start(options: SimOptions) -> io::Result<Self> {
        if !options.listen.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the simulator listens on loopback only",
            ));
        }
        let lie = lie_of_environment()?;
        let listener = TcpListener::bind(options.listen).await?;
        let control = match options.control {
            true => Some(TcpListener::bind((options.listen.ip(), 0)).await?),
            false => None,
        };
        let (address, control_address) = (
            listener.local_addr()?,
            control.as_ref().map(TcpListener::local_addr).transpose()?,
        );
        let shared = Arc::new(Shared::new(options, lie));
        let mut tasks = vec![tokio::spawn(serve(listener, shared.clone(), Port::Data))];
        tasks.extend(
            control.map(|control| tokio::spawn(serve(control, shared.clone(), Port::Control))),
        );
        Ok(Self {
            shared,
            address,
            control_address,
            tasks,
        })
    }

    /// Where the data port listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a client takes as its base URL, as in `http://127.0.0.1:4010/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}{}", self.address, self.shared.options.prefix)
    }

    /// Where the control port is, as in `http://127.0.0.1:4011`, if there is one.
    pub fn control_url(&self) -> Option<String> {
        self.control_address
            .map(|address| format!("http://{address}"))
    }

    /// Puts a script behind those that wait; the next calls that it fits meet it.
    ///
    /// A script that can't be played is a mistake of the test: it stops a debug build, and is left out of others.
    pub fn script(&self, script: Script) {
        let kept = self.shared.script(script);
        debug_assert!(kept.is_ok(), "the script can't be played: {kept:?}");
    }

    /// How many calls the counted scripts still wait for.
    pub fn scripts_waiting(&self) -> u64 {
        self.shared.scripts_waiting()
    }

    /// From now on answers lie so.
    pub fn lie(&self, lie: Lie) {
        self.shared.lie(lie);
    }

    /// What was billed until now.
    pub fn bill(&self) -> Bill {
        self.shared.bill()
    }

    /// The last calls seen, oldest first; see [`crate::CALLS_MAX`].
    pub fn calls(&self) -> Vec<SeenCall> {
        self.shared.calls()
    }

    /// Waits until no call is under way: every answer was sent whole, or its client's absence was noticed.
    pub async fn idle(&self) {
        self.shared.idle().await;
    }

    /// Forgets scripts, lies (but the environment's), bill and calls, accepts connections again, and begins
    /// the cassette anew.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Ends all connections and closes the listeners; returns when they are closed.
    pub async fn stop(mut self) {
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            // The task was ended from here; there is nothing in its result.
            let _ = task.await;
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a drill reaches simulators that tests of other crates start, and those take no setting for it"
)]
fn lie_of_environment() -> io::Result<Option<Lie>> {
    match std::env::var(LIE_VARIABLE) {
        Ok(text) => lie_in(&text).map(Some),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(refused("no text")),
    }
}

fn lie_in(text: &str) -> io::Result<Lie> {
    Lie::read(text).map_err(|error| refused(&error))
}

fn refused(why: &str) -> io::Error {
    let message = format!("{LIE_VARIABLE} holds no lie: {why}");
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::lie_in;

    #[test]
    fn a_lie_of_the_environment_that_is_none_is_refused_by_name() {
        assert!(lie_in(r#"{"null": ["usage"]}"#).is_ok());
        for text in ["", "{", "[]", r#"{"nul": ["usage"]}"#] {
            let error = lie_in(text).unwrap_err().to_string();
            assert!(
                error.starts_with("OPENAI_SIM_LIE holds no lie: "),
                "{error}"
            );
        }
    }
}
