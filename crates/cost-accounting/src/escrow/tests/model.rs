//! A small world of two servers and one budget, in which everything that can happen happens at any moment.
//!
//! Invariants: the money in memory is moved by the pool and the lease sums that ship, the money on disk by the store's arithmetic.
//! Does not know: tasks, time; who explores.

use std::collections::{BTreeMap, BTreeSet};

use storage::{Charge, Granted, LeaseSums, Return as Returned, Want, WindowSums};

use crate::escrow::leases::Leases;
use crate::escrow::pool::{Lease, Pool};

/// What the budget allows at first, and after it is lowered.
pub(super) const LIMIT: i64 = 4;
pub(super) const LOWERED: i64 = 2;
/// What a call holds.
pub(super) const HOLD: i64 = 2;
/// What is leased at once, if there is room.
const WISH: i64 = 3;
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

type Sums = [i64; 3];
type OfLease = [i64; 5];

fn window(sums: Sums) -> WindowSums {
    let [settled, leased, forced] = sums;
    WindowSums {
        settled,
        leased,
        forced,
    }
}

fn lease(sums: OfLease) -> LeaseSums {
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
struct Row {
    owner: (usize, u8),
    day: i64,
    sums: OfLease,
    open: bool,
}

/// The answer of the store that is on its way; `None`: dead.
type Answer = Option<(usize, Sums)>;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Server {
    is_running: bool,
    life: u8,
    pool: Pool,
    leases: Leases,
    holds: Vec<(usize, u8)>,
    answer: Option<Answer>,
    /// Entries that the process has in memory still: number, lease, cost.
    entries: Vec<(u8, usize, i64)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Model {
    scene: Scene,
    limit: i64,
    day: i64,
    windows: BTreeMap<i64, Sums>,
    rows: Vec<Row>,
    dead: BTreeSet<(usize, u8)>,
    entered: BTreeSet<u8>,
    servers: [Server; 2],
    /// What the upstream bills.
    bill: i64,
    /// What entries on disk cost, each counted once.
    proved: i64,
    settled: u8,
    calls: u8,
    grants: u8,
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

fn ends_at(day: i64) -> i64 {
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
    fn seen_day(&self, who: usize) -> i64 {
        let lease = self.servers[who].pool.lease();
        lease.map_or(self.day, |lease| lease.window_start)
    }

    pub(super) fn happen(&mut self, event: Event, bug: Bug) {
        match event {
            Event::Asks(who) => {
                self.grants += 1;
                let lack = self.servers[who].pool.lack(self.seen_day(who), 0, HOLD);
                self.ask(who, (lack, lack.max(WISH)), bug);
            }
            Event::Answered(who, again) => self.answered(who, again, bug),
            Event::AnswerLost(who) => self.servers[who].answer = None,
            Event::Cuts(who) => {
                let day = self.seen_day(who);
                if let Some(row) = self.servers[who].pool.cut(day, HOLD) {
                    let life = self.servers[who].life;
                    let row = usize::try_from(row).unwrap();
                    self.servers[who].holds.push((row, life));
                    self.calls += 1;
                }
            }
            Event::Settles(who, hold, cost) => self.settle(who, hold, cost, bug),
            Event::Enters(who, entry, again) => self.enter(who, entry, again, bug),
            Event::GivesBack(who) => {
                let server = &mut self.servers[who];
                if let Some(mut left) = server.pool.give(i64::MAX) {
                    if bug == Bug::GivesHeldBack && !server.holds.is_empty() {
                        left.amount += HOLD;
                    }
                    server.leases.give_back(left);
                }
            }
            Event::Returns(who, is_heard) => self.hear(who, is_heard),
            Event::SeesTurn(who) => {
                let server = &mut self.servers[who];
                if let Some(left) = server.pool.turn(self.day) {
                    server.leases.give_back(left);
                }
            }
            Event::Crashes(who) => {
                let server = &mut self.servers[who];
                // What was sent has run to its bound.
                self.bill += HOLD * i64::try_from(server.holds.len()).unwrap();
                let life = server.life;
                *server = Server {
                    life,
                    ..Server::default()
                };
                self.dead.insert((who, life));
            }
            Event::IsCalledDead(who) => {
                self.dead.insert((who, self.servers[who].life));
            }
            Event::IsWrittenOff(who, life) => self.write_off((who, life), bug),
            Event::Turns => self.day = 1,
            Event::IsLowered => self.limit = LOWERED,
        }
    }

    fn ask(&mut self, who: usize, (amount_min, amount_wished): (i64, i64), bug: Bug) {
        let life = (who, self.servers[who].life);
        if self.dead.contains(&life) {
            self.servers[who].answer = Some(None);
            return;
        }
        let want = Want {
            budget_id: 1,
            amount_min,
            amount_wished,
            forced: false,
            next_window: false,
        };
        let sums = self.windows.entry(self.day).or_default();
        let mut window = window(*sums);
        let leased = window.leased;
        if bug == Bug::IgnoresLeased {
            window.leased = 0;
        }
        let amount = window.grantable(Some(self.limit), &want);
        window.leased = leased;
        let Some(amount) = amount else {
            return;
        };
        let same = |row: &Row| row.open && row.owner == life && row.day == self.day;
        let number = self.rows.iter().position(same).unwrap_or_else(|| {
            self.rows.push(Row {
                owner: life,
                day: self.day,
                sums: OfLease::default(),
                open: true,
            });
            self.rows.len() - 1
        });
        let row = &mut self.rows[number];
        let mut of_lease = lease(row.sums);
        window.grant(&mut of_lease, None, amount);
        row.sums = plain_lease(of_lease);
        *sums = plain(window);
        let told = [amount, of_lease.granted, of_lease.given_back];
        self.servers[who].answer = Some(Some((number, told)));
    }

    fn answered(&mut self, who: usize, again: bool, bug: Bug) {
        let server = &mut self.servers[who];
        let Some(answer) = server.answer else {
            return;
        };
        // An answer on its way twice arrives once more as a loss or not at all.
        if !again {
            server.answer = None;
        }
        let Some((number, [amount, in_all, given_back])) = answer else {
            server.answer = None;
            server.life += 1;
            server.leases = Leases::default();
            server.pool = Pool::default();
            return;
        };
        let day = self.rows[number].day;
        let lease = Lease {
            lease_id: i64::try_from(number).unwrap(),
            window_start: day,
            ends_at_ms: Some(ends_at(day)),
        };
        let granted = Granted {
            budget_id: 1,
            window_start: day,
            lease_id: lease.lease_id,
            amount_pico_usd: amount,
            lease_granted_pico_usd: in_all,
            lease_given_back_pico_usd: given_back,
            limit_pico_usd: None,
            settled_pico_usd: 0,
            leased_pico_usd: 0,
        };
        let mut new = server.leases.granted(&lease, &granted);
        if bug == Bug::TakesTwice {
            new = amount;
        }
        if let Some(left) = server.pool.take(lease, new) {
            server.leases.give_back(left);
        }
    }

    fn settle(&mut self, who: usize, hold: usize, cost: i64, bug: Bug) {
        let server = &mut self.servers[who];
        let (row, life) = server.holds.remove(hold);
        let id = i64::try_from(row).unwrap();
        if life == server.life {
            let charged = if bug == Bug::FreesTheCost { 0 } else { cost };
            let id = match server.pool.lease() {
                Some(lease) if bug == Bug::CarriesOver => lease.lease_id,
                _ => id,
            };
            if let Some(left) = server.pool.end(id, HOLD, charged) {
                server.leases.give_back(left);
            }
        }
        self.bill += cost;
        self.settled += 1;
        server.entries.push((self.settled, row, cost));
    }

    fn enter(&mut self, who: usize, entry: usize, again: bool, bug: Bug) {
        let (number, row, cost) = self.servers[who].entries[entry];
        if !again {
            self.servers[who].entries.remove(entry);
        }
        let is_new = self.entered.insert(number);
        if is_new {
            self.proved += cost;
        }
        if !is_new && bug != Bug::ChargesTwice {
            return;
        }
        let row = &mut self.rows[row];
        let sums = self.windows.entry(row.day).or_default();
        let (mut window, mut of_lease) = (window(*sums), lease(row.sums));
        let mut charge = Charge::default();
        charge.add(cost);
        if bug == Bug::ChargesLate {
            of_lease.taken_back = of_lease.written_off;
        }
        window.settle(&mut of_lease, charge);
        (*sums, row.sums) = (plain(window), plain_lease(of_lease));
    }

    fn hear(&mut self, who: usize, is_heard: bool) {
        let server = &mut self.servers[who];
        let due = server.leases.due();
        for left in &due {
            self.give_back(who, left);
        }
        if is_heard {
            self.servers[who].leases.heard(&due);
        }
    }

    fn give_back(&mut self, who: usize, left: &Returned) {
        let row = &mut self.rows[usize::try_from(left.lease_id).unwrap()];
        if row.open && row.owner == (who, self.servers[who].life) {
            let sums = self.windows.entry(row.day).or_default();
            let (mut window, mut of_lease) = (window(*sums), lease(row.sums));
            window.give_back(&mut of_lease, left.given_back_pico_usd);
            (*sums, row.sums) = (plain(window), plain_lease(of_lease));
        }
    }

    fn write_off(&mut self, owner: (usize, u8), bug: Bug) {
        for row in self
            .rows
            .iter_mut()
            .filter(|row| row.owner == owner && row.open)
        {
            let sums = self.windows.entry(row.day).or_default();
            let (mut window, mut of_lease) = (window(*sums), lease(row.sums));
            if bug == Bug::ReleasesTheDead {
                window.give_back(&mut of_lease, i64::MAX);
            } else {
                window.write_off(&mut of_lease);
            }
            row.open = false;
            (*sums, row.sums) = (plain(window), plain_lease(of_lease));
        }
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

    /// Lets everything end: answers arrive, calls settle, entries are written, what is free goes back, the dead are written off.
    pub(super) fn drain(&mut self, bug: Bug) {
        for who in 0..self.servers.len() {
            self.happen(Event::Answered(who, false), bug);
            while let Some((_, _)) = self.servers[who].holds.first() {
                self.settle(who, 0, HOLD, bug);
            }
            while !self.servers[who].entries.is_empty() {
                self.enter(who, 0, false, bug);
            }
        }
        for owner in self.dead.clone() {
            self.write_off(owner, bug);
        }
        for who in 0..self.servers.len() {
            if self.servers[who].is_running {
                // Twice: a server that hears of its death begins again first. Asking for nothing tells what answers were lost.
                for _ in 0..2 {
                    self.ask(who, (0, 0), bug);
                    self.happen(Event::Answered(who, false), bug);
                }
                self.happen(Event::GivesBack(who), bug);
                self.hear(who, true);
            }
        }
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

fn plain(sums: WindowSums) -> Sums {
    [sums.settled, sums.leased, sums.forced]
}

fn plain_lease(sums: LeaseSums) -> OfLease {
    [
        sums.remaining,
        sums.granted,
        sums.given_back,
        sums.written_off,
        sums.taken_back,
    ]
}
