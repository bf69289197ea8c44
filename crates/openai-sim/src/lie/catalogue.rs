//! The lies that a drill tells, each by its name.
//!
//! Invariants: names are distinct; every lie changes what is answered to at least one ordinary call.
//! Does not know: who is to notice.
//! Source: deviations of compatible servers and proxies as seen, and mistakes that clients were seen to make.

use super::twist::Twist;
use super::{Lie, bodies, responses, wire};

/// A name, the lie, and what it stands for.
pub(super) type Named = (&'static str, Lie, &'static str);

pub(super) const CHAT: &str = "/chat/completions";

impl Lie {
    /// Lies worth being noticed, one deviation each: its name, the lie, what it stands for in the world.
    pub fn catalogue() -> Vec<Named> {
        let kinds = [
            bodies::fields(),
            bodies::values(),
            bodies::words(),
            bodies::lists(),
            bodies::usage(),
            wire::streams(),
            wire::heads(),
            wire::errors(),
            responses::usage(),
            responses::bodies(),
            responses::streams(),
            responses::contents(),
            responses::further(),
        ];
        kinds.into_iter().flatten().collect()
    }
}

pub(super) fn on(path: &str) -> Lie {
    Lie::new().on(path)
}

pub(super) fn twisted(path: &str, twist: Twist) -> Lie {
    on(path).twist(twist)
}
