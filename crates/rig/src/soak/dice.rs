//! The one source of chance: a seeded generator.
//!
//! Invariants: the same seed gives the same throws; a fork does not depend on how often its parent is thrown later.
//! Does not know: what is drawn.
//! Source: SplitMix64, Steele, Lea and Flood 2014.

use std::time::Duration;

/// A seeded generator.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another generator, whose throws do not depend on this one's next.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.throw())
    }

    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `low` up to, not including, `high`; `low` if there is nothing between.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.throw() % high.saturating_sub(low).max(1)
    }

    /// True so many times in a hundred.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.between(0, 100) < percent
    }

    /// An index into something of this length.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.throw() % length.max(1) as u64).unwrap_or_default()
    }

    /// A length of time from 0 up to `milliseconds`.
    pub(crate) fn pause(&mut self, milliseconds: u64) -> Duration {
        Duration::from_millis(self.between(0, milliseconds + 1))
    }

    /// Brings a list into another order.
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let other = self.index(last + 1);
            list.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn the_same_seed_gives_the_same_throws_and_forks_are_apart() {
        let throws = |seed: u64| {
            let mut dice = Dice::new(seed);
            let mut fork = dice.fork();
            [
                dice.between(0, 1 << 60),
                fork.between(0, 1 << 60),
                dice.between(5, 5),
            ]
        };
        assert_eq!(throws(7), throws(7));
        assert_ne!(throws(7)[0], throws(8)[0]);
        assert_ne!(throws(7)[0], throws(7)[1]);
        assert_eq!(throws(7)[2], 5);
    }

    #[test]
    fn a_shuffled_list_has_the_same_parts() {
        let mut list: Vec<u32> = (0..50).collect();
        Dice::new(1).shuffle(&mut list);
        assert_ne!(list, (0..50).collect::<Vec<_>>());
        list.sort_unstable();
        assert_eq!(list, (0..50).collect::<Vec<_>>());
    }
}
