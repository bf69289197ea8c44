//! What all connections of one simulator share: scripts, lies, the bill, the calls seen.
//!
//! Invariants: one lock, never held across an await; numbers of calls grow by one.
//! Does not know: HTTP, answers.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::bill::{Bill, ModelBill, Payer};
use crate::calls::{CallLog, SeenCall};
use crate::lie::{LIES_MAX, Lie};
use crate::objects::Objects;
use crate::replay::Player;
use crate::script::{ConnectionFault, SCRIPTS_MAX, Script, ScriptQueue};
use crate::sim::SimOptions;

/// Embeddings remembered for `x-keyward-cache`; then all are forgotten.
const SEEN_MAX: usize = 4096;

pub(crate) struct Shared {
    pub(crate) options: SimOptions,
    pub(crate) player: Option<Player>,
    pub(crate) objects: Objects,
    /// Told from the start, and not forgotten.
    standing_lie: Option<Lie>,
    state: Mutex<State>,
    /// Whether new connections are accepted on the data port.
    accepting: watch::Sender<bool>,
    underway: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    scripts: ScriptQueue,
    lies: VecDeque<Lie>,
    bill: Bill,
    calls: CallLog,
    calls_seen: u64,
    connections_seen: u64,
    embeddings_seen: HashSet<u64>,
}

impl Shared {
    pub(crate) fn new(options: SimOptions, standing_lie: Option<Lie>) -> Self {
        let cassette = options.cassette.clone();
        Self {
            player: cassette.map(|cassette| Player::new(cassette, options.replay_speed)),
            objects: Objects::default(),
            options,
            standing_lie,
            state: Mutex::default(),
            accepting: watch::channel(true).0,
            underway: watch::channel(0).0,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Errors: the script can't be carried out, or too many are waiting.
    pub(crate) fn script(&self, script: Script) -> Result<(), String> {
        if let Some(flaw) = script.flaw {
            return Err(flaw);
        }
        if script.fault.connection == ConnectionFault::NeverAccept {
            self.accepting.send_replace(false);
            return Ok(());
        }
        if self.state().scripts.push(script) {
            Ok(())
        } else {
            Err(format!("{SCRIPTS_MAX} scripts are waiting already"))
        }
    }

    pub(crate) fn take_script(&self, path: &str) -> Option<Script> {
        self.state().scripts.take(path)
    }

    pub(crate) fn scripts_waiting(&self) -> u64 {
        self.state().scripts.waiting()
    }

    /// The oldest lie gives way to one too many.
    pub(crate) fn lie(&self, lie: Lie) {
        let mut state = self.state();
        state.lies.push_back(lie);
        if state.lies.len() > LIES_MAX {
            state.lies.pop_front();
        }
    }

    pub(crate) fn lies(&self, path: &str) -> Vec<Lie> {
        let state = self.state();
        let told = self.standing_lie.iter().chain(&state.lies);
        told.filter(|lie| lie.fits(path)).cloned().collect()
    }

    pub(crate) fn charge(&self, payer: &Payer, part: ModelBill) {
        self.state().bill.charge(payer, part);
    }

    pub(crate) fn bill(&self) -> Bill {
        self.state().bill.clone()
    }

    /// Reads the bill where it is: it may be large.
    pub(crate) fn with_bill<T>(&self, read: impl FnOnce(&Bill) -> T) -> T {
        read(&self.state().bill)
    }

    /// Gives the call its number.
    pub(crate) fn saw(&self, mut call: SeenCall) -> u64 {
        let mut state = self.state();
        state.calls_seen += 1;
        call.number = state.calls_seen;
        state.calls.push(call);
        state.calls_seen
    }

    pub(crate) fn calls(&self) -> Vec<SeenCall> {
        self.state().calls.all()
    }

    pub(crate) fn connected(&self) -> u64 {
        let mut state = self.state();
        state.connections_seen += 1;
        state.connections_seen
    }

    /// Whether this embedding was asked for before.
    pub(crate) fn saw_embedding(&self, fingerprint: u64) -> bool {
        let seen = &mut self.state().embeddings_seen;
        if seen.len() >= SEEN_MAX {
            seen.clear();
        }
        !seen.insert(fingerprint)
    }

    pub(crate) fn accepting(&self) -> watch::Receiver<bool> {
        self.accepting.subscribe()
    }

    pub(crate) fn call_began(&self) {
        self.underway.send_modify(|underway| *underway += 1);
    }

    pub(crate) fn call_ended(&self) {
        self.underway
            .send_modify(|underway| *underway = underway.saturating_sub(1));
    }

    pub(crate) async fn idle(&self) {
        // Fails only when the sender is gone, which `self` owns.
        let _ = self
            .underway
            .subscribe()
            .wait_for(|underway| *underway == 0)
            .await;
    }

    pub(crate) fn forget_scripts(&self) {
        self.state().scripts = ScriptQueue::default();
        self.accepting.send_replace(true);
    }

    pub(crate) fn forget_lies(&self) {
        self.state().lies.clear();
    }

    pub(crate) fn forget_bill(&self) {
        self.state().bill = Bill::default();
    }

    pub(crate) fn reset(&self) {
        self.player.iter().for_each(Player::rewind);
        self.forget_scripts();
        self.forget_lies();
        self.forget_bill();
        self.objects.forget();
        let mut state = self.state();
        state.calls = CallLog::default();
        state.embeddings_seen.clear();
    }
}
