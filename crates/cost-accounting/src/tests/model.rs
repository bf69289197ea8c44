//! A small world of two servers and one budget, in which everything that can happen happens at any moment.
//!
//! Invariants: the money in memory is moved by the pool and the lease sums that ship, the money on disk by the store's arithmetic.
//! Does not know: tasks, time; who explores.

use std::collections::{BTreeMap, BTreeSet};

use storage::{LeaseSums, WindowSums};

use crate::escrow::leases::Leases;
use crate::escrow::pool::Pool;

/// What the budget allows at first, and after it is lowered.
pub(super) const LIMIT: i64 = 4;
pub(super) const LOWERED: i64 = 2;
/// What a call holds.
pub(super) const HOLD: i64 = 2;
/// What is leased at once, if there is room.
pub(super) const WISH: i64 = 3;
/// Calls and grants in one life of the world: what makes it finite.
const CALLS_MAX: u8 = 2;
const GRANTS_MAX: u8 = 2;

/// Which things may happen: together they are too many orders for a test, so that each scene has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scene {
    pub(super) servers: usize,
    pub(super) deaths: bool,
    pub(super) turns: bool,
    pub(super) lowers: bool,
    pub(super) lost_or_doubled: bool,
}

const NOTHING: Scene = Scene {
    servers: 2,
    deaths: false,
    turns: false,
    lowers: false,
    lost_or_doubled: false,
};

pub(super) const SCENES: [Scene; 5] = [
    Scene {
        deaths: true,
        ..NOTHING
    },
    Scene {
        turns: true,
        lowers: true,
        ..NOTHING
    },
    Scene {
        lost_or_doubled: true,
        ..NOTHING
    },
    Scene {
        servers: 1,
        deaths: true,
        lost_or_doubled: true,
        ..NOTHING
    },
    Scene {
        servers: 1,
        deaths: true,
        turns: true,
        ..NOTHING
    },
];

/// A fault planted in the model, which the explorer must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    None,
    /// An entry that comes twice is charged twice.
    ChargesTwice,
    /// An answer that comes twice is taken twice.
    TakesTwice,
    /// What is held is given back.
    GivesHeldBack,
    /// What a dead server held is released instead of charged.
    ReleasesTheDead,
    /// A settlement frees the whole hold.
    FreesTheCost,
    /// A late settlement is charged beside the write-off.
    ChargesLate,
    /// A grant looks at what is settled alone.
    IgnoresLeased,
    /// A hold of an old window comes free in the new one.
    CarriesOver,
}

/// The planted faults, each with the number of a scene in which it shows.
pub(super) const BUGS: [(Bug, usize); 8] = [
    (Bug::ChargesTwice, 2),
    (Bug::TakesTwice, 2),
    (Bug::GivesHeldBack, 3),
    (Bug::ReleasesTheDead, 4),
    (Bug::FreesTheCost, 4),
    (Bug::ChargesLate, 3),
    (Bug::IgnoresLeased, 0),
    (Bug::CarriesOver, 4),
];

pub(super) type Sums = [i64; 3];
pub(super) type OfLease = [i64; 5];

pub(super) fn window(sums: Sums) -> WindowSums {
    let [settled, leased, forced] = sums;
    WindowSums {
        settled,
        leased,
        forced,
    }
}

pub(super) fn lease(sums: OfLease) -> LeaseSums {
    let [remaining, granted, given_back, written_off, taken_back] = sums;
    LeaseSums {
        remaining,
        granted,
        given_back,
        written_off,
        taken_back,
    }
}

/// The lease of one life of one server in one window.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Row {
    pub(super) owner: (usize, u8),
    pub(super) day: i64,
    pub(super) sums: OfLease,
    pub(super) open: bool,
}

/// The answer of the store that is on its way; `None`: dead.
pub(super) type Answer = Option<(usize, Sums)>;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Server {
    pub(super) is_running: bool,
    pub(super) life: u8,
    pub(super) pool: Pool,
    pub(super) leases: Leases,
    pub(super) holds: Vec<(usize, u8)>,
    pub(super) answer: Option<Answer>,
    /// Entries that the process has in memory still: number, lease, cost.
    pub(super) entries: Vec<(u8, usize, i64)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Model {
    pub(super) scene: Scene,
    pub(super) limit: i64,
    pub(super) day: i64,
    pub(super) windows: BTreeMap<i64, Sums>,
    pub(super) rows: Vec<Row>,
    pub(super) dead: BTreeSet<(usize, u8)>,
    pub(super) entered: BTreeSet<u8>,
    pub(super) servers: [Server; 2],
    /// What the upstream bills.
    pub(super) bill: i64,
    /// What entries on disk cost, each counted once.
    pub(super) proved: i64,
    pub(super) settled: u8,
    pub(super) calls: u8,
    pub(super) grants: u8,
}

/// Something that may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Asks(usize),
    /// The answer arrives, and stays on its way once more if `true`.
    Answered(usize, bool),
    AnswerLost(usize),
    Cuts(usize),
    Settles(usize, usize, i64),
    /// An entry is written, and stays on its way once more if `true`.
    Enters(usize, usize, bool),
    GivesBack(usize),
    /// The store hears of returns; the server hears that it did if `true`.
    Returns(usize, bool),
    SeesTurn(usize),
    Crashes(usize),
    IsCalledDead(usize),
    IsWrittenOff(usize, u8),
    Turns,
    IsLowered,
}

pub(super) fn ends_at(day: i64) -> i64 {
    day + 1
}

impl Model {
    pub(super) fn new(scene: Scene) -> Model {
        let server = Server {
            is_running: true,
            ..Server::default()
        };
        Model {
            scene,
            limit: LIMIT,
            day: 0,
            windows: BTreeMap::new(),
            rows: Vec::new(),
            dead: BTreeSet::new(),
            entered: BTreeSet::new(),
            servers: [server.clone(), server],
            bill: 0,
            proved: 0,
            settled: 0,
            calls: 0,
            grants: 0,
        }
    }

    /// Everything that may happen now.
    pub(super) fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for (who, server) in self.servers.iter().enumerate().take(self.scene.servers) {
            let life = (who, server.life);
            if self.dead.contains(&life) {
                let is_open = self.rows.iter().any(|row| row.owner == life && row.open);
                events.extend(is_open.then_some(Event::IsWrittenOff(who, server.life)));
            }
            for old in 0..server.life {
                let is_open = self
                    .rows
                    .iter()
                    .any(|row| row.owner == (who, old) && row.open);
                events.extend(is_open.then_some(Event::IsWrittenOff(who, old)));
            }
            if !server.is_running {
                continue;
            }
            if self.scene.deaths {
                events.push(Event::Crashes(who));
            }
            let lacks = server.pool.lack(self.seen_day(who), 0, HOLD) > 0;
            if server.answer.is_some() {
                events.push(Event::Answered(who, false));
                if self.scene.lost_or_doubled {
                    events.push(Event::Answered(who, true));
                    events.push(Event::AnswerLost(who));
                }
            } else if lacks && self.grants < GRANTS_MAX {
                events.push(Event::Asks(who));
            }
            if !lacks && self.calls < CALLS_MAX {
                events.push(Event::Cuts(who));
            }
            for hold in 0..server.holds.len() {
                events.extend([1, HOLD].map(|cost| Event::Settles(who, hold, cost)));
            }
            for entry in 0..server.entries.len() {
                events.push(Event::Enters(who, entry, false));
                if self.scene.lost_or_doubled {
                    events.push(Event::Enters(who, entry, true));
                }
            }
            if server.pool.clone().give(i64::MAX).is_some() {
                events.push(Event::GivesBack(who));
            }
            if !server.leases.due().is_empty() {
                events.push(Event::Returns(who, true));
                if self.scene.lost_or_doubled {
                    events.push(Event::Returns(who, false));
                }
            }
            if server.pool.clone().turn(self.day).is_some() {
                events.push(Event::SeesTurn(who));
            }
            if self.scene.deaths && self.dead.is_empty() {
                events.push(Event::IsCalledDead(who));
            }
        }
        events.extend((self.scene.turns && self.day == 0).then_some(Event::Turns));
        events.extend((self.scene.lowers && self.limit == LIMIT).then_some(Event::IsLowered));
        events
    }

    /// A server that has not looked goes by the day of its lease: the worst clock there is.
    pub(super) fn seen_day(&self, who: usize) -> i64 {
        let lease = self.servers[who].pool.lease();
        lease.map_or(self.day, |lease| lease.window_start)
    }

    /// What is settled and leased of each window.
    pub(super) fn taken(&self) -> BTreeMap<i64, i64> {
        let taken = |sums: &Sums| sums[0] + sums[1];
        self.windows
            .iter()
            .map(|(day, sums)| (*day, taken(sums)))
            .collect()
    }

    pub(super) fn limit(&self) -> i64 {
        self.limit
    }

    pub(super) fn day(&self) -> i64 {
        self.day
    }

    /// The laws of a world in which everything has ended.
    pub(super) fn check_end(&self) -> Result<(), &'static str> {
        let sum = |index: usize| -> i64 { self.windows.values().map(|sums| sums[index]).sum() };
        let unproved: i64 = self.rows.iter().map(|row| row.sums[3] - row.sums[4]).sum();
        let held_now = self.windows.get(&self.day).map_or(0, |sums| sums[1]);
        if sum(0) < self.bill {
            return Err("the upstream bills more than the books hold");
        }
        if sum(0) != self.proved + unproved {
            return Err("the books hold something else than entries and what was written off");
        }
        if held_now != 0 {
            return Err("money is held for nobody");
        }
        Ok(())
    }
}

pub(super) fn plain(sums: WindowSums) -> Sums {
    [sums.settled, sums.leased, sums.forced]
}

pub(super) fn plain_lease(sums: LeaseSums) -> OfLease {
    [
        sums.remaining,
        sums.granted,
        sums.given_back,
        sums.written_off,
        sums.taken_back,
    ]
}
