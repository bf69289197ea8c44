//! Goes through every order in which a small world can go, and finds the planted faults in it.
//!
//! Invariants: a state is looked at once; the shortest way to a broken law is told.
//! Does not know: what a law means.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashSet, VecDeque};
use std::hash::{Hash, Hasher};

use super::model::{BUGS, Bug, Event, LIMIT, Model, SCENES, Scene};

/// States looked at before the world counts as too large to be explored.
const STATES_MAX: usize = 400_000;

/// A law that broke, and the way there.
#[derive(Debug)]
struct Broken {
    law: &'static str,
    way: Vec<Event>,
}

/// Every state that can be reached, or the first that breaks a law.
fn explore(scene: Scene, bug: Bug) -> Result<usize, Broken> {
    let first = Model::new(scene);
    let mut seen = HashSet::from([mark(&first)]);
    let mut ways: Vec<(usize, Option<Event>)> = vec![(0, None)];
    let mut waiting = VecDeque::from([(first, 0)]);
    while let Some((model, number)) = waiting.pop_front() {
        for event in model.events() {
            let mut next = model.clone();
            next.happen(event, bug);
            if !seen.insert(mark(&next)) {
                continue;
            }
            assert!(ways.len() < STATES_MAX, "too many states");
            ways.push((number, Some(event)));
            if let Err(law) = check(&model, event, &next, bug) {
                let way = way_to(&ways, ways.len() - 1);
                return Err(Broken { law, way });
            }
            waiting.push_back((next, ways.len() - 1));
        }
    }
    Ok(seen.len())
}

/// Stands for a state: among a hundred thousand, two with one mark are as good as impossible.
fn mark(model: &Model) -> u64 {
    let mut hasher = DefaultHasher::new();
    model.hash(&mut hasher);
    hasher.finish()
}

fn way_to(ways: &[(usize, Option<Event>)], mut number: usize) -> Vec<Event> {
    let mut way = Vec::new();
    while let (before, Some(event)) = ways[number] {
        way.push(event);
        number = before;
    }
    way.reverse();
    way
}

fn check(before: &Model, event: Event, after: &Model, bug: Bug) -> Result<(), &'static str> {
    let is_grant = matches!(event, Event::Asks(_));
    let earlier = before.taken();
    for (day, taken) in after.taken() {
        let grew = taken > earlier.get(&day).copied().unwrap_or(0);
        if taken > LIMIT {
            return Err("more is settled and leased than the limit");
        }
        if grew && !is_grant {
            return Err("something else than a grant took money");
        }
        if grew && (taken > after.limit() || day != after.day()) {
            return Err("a grant passed the limit of now");
        }
    }
    let mut end = after.clone();
    end.drain(bug);
    end.check_end()
}

#[test]
fn every_order_of_events_keeps_the_laws() {
    for scene in SCENES {
        let states = explore(scene, Bug::None);
        let states = states.unwrap_or_else(|broken| panic!("{scene:?}: {broken:#?}"));
        assert!(states > 500, "{scene:?} has only {states} states");
        println!("{states} states in {scene:?}");
    }
}

#[test]
fn every_planted_fault_is_found() {
    for (bug, scene) in BUGS {
        let found = explore(SCENES[scene], bug).map(|states| format!("{bug:?} hid in {states}"));
        let broken = found.unwrap_err();
        assert!(broken.way.len() <= 16, "{bug:?}: {broken:?}");
        println!("{bug:?}: {} after {:?}", broken.law, broken.way);
    }
}
