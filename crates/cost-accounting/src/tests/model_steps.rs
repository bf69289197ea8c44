//! What each event does to the small world.
//!
//! Invariants: a planted fault changes one step and nothing else.
//! Does not know: which events may happen.

use storage::{Charge, Granted, Return as Returned, Want};

use super::model::{
    Bug, Event, HOLD, LOWERED, Model, OfLease, Row, Server, WISH, ends_at, lease, plain,
    plain_lease, window,
};
use crate::escrow::leases::Leases;
use crate::escrow::pool::{Lease, Pool};

impl Model {
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
}
