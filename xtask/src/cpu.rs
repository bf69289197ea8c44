//! CPU time of a process and its children, as Linux counts it.
//!
//! Invariants: user and system time of every thread; a child counts while it lives.
//! Does not know: what the processes do.
//! Source: proc(5), `/proc/[pid]/stat` fields 4, 14 and 15.

use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::step::{read, wait};

/// Longest wait for a process to come to rest.
const REST_CHECKS_MAX: usize = 50;
const REST_PAUSE: Duration = Duration::from_millis(200);

/// CPU time of the process and all its descendants so far.
pub(crate) fn used(process: u32) -> anyhow::Result<Duration> {
    let ticks_per_second: u64 = read(Command::new("getconf").arg("CLK_TCK"))?
        .trim()
        .parse()
        .context("ticks in a second")?;
    let mut ticks = 0;
    for process in tree(process)? {
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else {
            continue;
        };
        ticks += parse(&stat).context("read /proc/…/stat")?.ticks;
    }
    Ok(Duration::from_micros(ticks * 1_000_000 / ticks_per_second))
}

/// Waits until the process does no more work, so that what it put off is counted too.
pub(crate) fn at_rest(process: u32) -> anyhow::Result<Duration> {
    let mut before = used(process)?;
    for _ in 0..REST_CHECKS_MAX {
        wait(REST_PAUSE);
        let after = used(process)?;
        if after == before {
            return Ok(after);
        }
        before = after;
    }
    anyhow::bail!(
        "the process is still busy {:?} after the load ended",
        REST_PAUSE * REST_CHECKS_MAX as u32
    )
}

/// The process and its descendants.
pub(crate) fn tree(process: u32) -> anyhow::Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc").context("read /proc")? {
        let name = entry?.file_name();
        let Some(number) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{number}/stat")) else {
            continue;
        };
        parents.extend(parse(&stat).map(|stat| (number, stat.parent)));
    }
    let mut found = vec![process];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(
            parents
                .iter()
                .filter(|(_, of)| *of == parent)
                .map(|(number, _)| *number),
        );
        at += 1;
    }
    Ok(found)
}

struct Stat {
    parent: u32,
    ticks: u64,
}

/// The name of the program stands in brackets and may hold anything, so fields are counted from the last one.
fn parse(stat: &str) -> Option<Stat> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        ticks: number(11)? + number(12)?,
    })
}

#[cfg(test)]
mod tests {
    use super::{parse, tree, used};

    #[test]
    fn fields_are_counted_after_the_name() {
        let stat =
            parse("7 (a) b) S 3 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 5 6 7").unwrap();
        assert_eq!((stat.parent, stat.ticks), (3, 300));
        assert!(parse("7 nothing").is_none());
    }

    #[test]
    fn this_process_is_in_its_own_tree_and_uses_time() {
        let me = std::process::id();
        assert_eq!(tree(me).unwrap().first(), Some(&me));
        let before = used(me).unwrap();
        let mut sum = 0_u64;
        while used(me).unwrap() == before {
            sum = sum.wrapping_mul(31).wrapping_add(1);
        }
        assert!(used(me).unwrap() > before, "{sum}");
    }
}
