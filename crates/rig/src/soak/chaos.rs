//! What happens to the servers: killed, frozen, stopped, started again.
//!
//! Invariants: the kills of all slots add up to those asked for; a server that was stopped in order must end with 0.
//! Does not know: callers, money.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::Soak;
use super::dice::Dice;
use super::roster::Roster;
use super::server::{LEASE_LIFE, Place, Server};

/// A frozen server stays so beyond the life of its leases by this.
const PAUSE_BEYOND: Duration = Duration::from_millis(1_500);
/// For so many kills there is one stop and one pause.
const KILLS_PER_STOP: u32 = 10;
/// A start may be cut short after this long.
const START_CUT_MS: u64 = 150;
/// Of a hundred kills those that hit a server while it starts.
const START_CUTS_PERCENT: u64 = 10;
const RESTART_PAUSE_MS: u64 = 300;
/// Starts in a row that may fail, such as while a frozen server holds rows of the database.
const STARTS_REFUSED_MAX: u32 = 8;
const START_PAUSE: Duration = Duration::from_secs(1);

/// What happens to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Kill,
    /// Killed, and the next one too while it starts.
    KillTwice,
    /// Frozen for longer than its leases live.
    Pause,
    Stop,
}

/// An action and the time before it.
pub(crate) type Step = (Duration, Action);

/// The fate of one slot.
pub(crate) fn draw(dice: &mut Dice, soak: &Soak, slot: usize) -> Vec<Step> {
    let slots = u32::try_from(soak.servers()).unwrap_or(1);
    let slot = u32::try_from(slot).unwrap_or_default();
    let mut kills = (soak.kills + slot) / slots;
    let others = if soak.kills == 0 {
        0
    } else {
        kills / KILLS_PER_STOP + 1
    };
    let mut actions = Vec::new();
    for _ in 0..others {
        actions.extend([Action::Stop, Action::Pause]);
    }
    while kills > 0 {
        let twice = kills > 1 && dice.percent(START_CUTS_PERCENT);
        actions.push(if twice {
            Action::KillTwice
        } else {
            Action::Kill
        });
        kills -= if twice { 2 } else { 1 };
    }
    dice.shuffle(&mut actions);
    let frozen = (LEASE_LIFE + PAUSE_BEYOND) * others;
    let free = soak.lasts.saturating_sub(frozen);
    let mean_ms = u64::try_from(free.as_millis()).unwrap_or_default() / (actions.len() as u64 + 1);
    let mut steps: Vec<Step> = actions
        .into_iter()
        .map(|action| (dice.pause(mean_ms * 2), action))
        .collect();
    let spent: Duration = steps.iter().map(|(gap, _)| *gap).sum();
    // The last stop ends the load.
    steps.push((free.saturating_sub(spent), Action::Stop));
    steps
}

/// Runs one slot; its server is stopped in order at the end.
///
/// Errors: a server does not start, or ends with another code than 0 when it was stopped.
pub(crate) async fn run(
    place: Arc<Place>,
    roster: Arc<Roster>,
    slot: usize,
    steps: Vec<Step>,
    mut dice: Dice,
) -> io::Result<()> {
    let mut server = open(&place, &roster, slot).await?;
    let last = steps.len().saturating_sub(1);
    for (number, (gap, action)) in steps.into_iter().enumerate() {
        tokio::time::sleep(gap).await;
        if action == Action::Pause {
            roster.paused(server.life);
            server.signal("-STOP").await?;
            tokio::time::sleep(LEASE_LIFE + PAUSE_BEYOND).await;
            server.signal("-CONT").await?;
            continue;
        }
        if action == Action::Stop {
            roster.shut(slot);
            server.stop().await?;
        } else {
            // Callers may still find it for a moment, as they would.
            roster.killed(server.life);
            server.kill().await?;
            roster.shut(slot);
        }
        if number == last {
            break;
        }
        tokio::time::sleep(dice.pause(RESTART_PAUSE_MS)).await;
        if action == Action::KillTwice {
            let life = roster.born();
            let mut cut = place.launch(life)?;
            tokio::time::sleep(dice.pause(START_CUT_MS)).await;
            roster.killed(life);
            cut.kill().await?;
        }
        server = open(&place, &roster, slot).await?;
    }
    Ok(())
}

/// Starts a server as a supervisor would: one that ends at its start is started again. How often is in the report.
async fn open(place: &Place, roster: &Roster, slot: usize) -> io::Result<Server> {
    let mut refusals = 0;
    loop {
        let mut server = place.launch(roster.born())?;
        match server.until_open().await {
            Ok(address) => {
                roster.open(slot, address);
                return Ok(server);
            }
            Err(error) if refusals >= STARTS_REFUSED_MAX => return Err(error),
            Err(error) => roster.refused(server.life, &error),
        }
        refusals += 1;
        tokio::time::sleep(START_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Action, draw};
    use crate::soak::dice::Dice;
    use crate::soak::{Soak, SoakDatabase};

    fn check(kills: u32, database: SoakDatabase) {
        let soak = Soak {
            keyward: "keyward".into(),
            simulator_url: String::new(),
            control_url: String::new(),
            database,
            kills,
            lasts: Duration::from_secs(100),
            callers: 1,
            seed: 1,
            budgets: true,
            remains: None,
        };
        let mut dice = Dice::new(5);
        let steps: Vec<_> = (0..soak.servers())
            .flat_map(|slot| draw(&mut dice, &soak, slot))
            .collect();
        let drawn: u32 = steps
            .iter()
            .map(|(_, action)| match action {
                Action::Kill => 1,
                Action::KillTwice => 2,
                Action::Pause | Action::Stop => 0,
            })
            .sum();
        assert_eq!(drawn, kills);
        assert_eq!(steps.last().map(|(_, action)| *action), Some(Action::Stop));
    }

    #[test]
    fn as_many_kills_are_drawn_as_were_asked_for() {
        for kills in [0, 1, 2, 7, 50] {
            check(kills, SoakDatabase::Sqlite);
            check(kills, SoakDatabase::Postgres);
        }
    }
}
