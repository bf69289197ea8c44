//! Turns bytes into numbers that are the same on every run: the simulator's only source of "randomness".
//!
//! Invariants: the same input gives the same output on every machine and in every version of Rust.
//! Does not know: what the numbers are for; nothing here is fit for secrets.
//! Source: FNV-1a (Fowler, Noll, Vo); SplitMix64 (Steele, Lea, Flood 2014).

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
const SPLITMIX_STEP: u64 = 0x9e37_79b9_7f4a_7c15;
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The 64-bit FNV-1a hash of `bytes`.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(FNV_OFFSET, |state, byte| {
        (state ^ u64::from(*byte)).wrapping_mul(FNV_PRIME)
    })
}

/// A repeatable sequence of numbers.
pub(crate) struct Sequence(u64);

impl Sequence {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(SPLITMIX_STEP);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// `length` letters and digits made from `seed`, as in `chatcmpl-…`.
pub(crate) fn letters(seed: u64, length: usize) -> String {
    let mut sequence = Sequence::new(seed);
    (0..length)
        .map(|_| char::from(ALPHABET[(sequence.next() % 62) as usize]))
        .collect()
}

/// 32 lower-case hexadecimal digits made from `seed`, as in `req_…`.
pub(crate) fn hexadecimal(seed: u64) -> String {
    let mut sequence = Sequence::new(seed);
    format!("{:016x}{:016x}", sequence.next(), sequence.next())
}

/// A version 4 UUID in its usual form, made from `seed`.
pub(crate) fn uuid(seed: u64) -> String {
    let digits = hexadecimal(seed);
    format!(
        "{}-{}-4{}-a{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[13..16],
        &digits[17..20],
        &digits[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::{hash, hexadecimal, letters, uuid};

    #[test]
    fn the_published_vector_of_fnv_1a_holds() {
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn ids_have_their_form_and_repeat() {
        assert_eq!(letters(7, 29).len(), 29);
        assert_eq!(letters(7, 29), letters(7, 29));
        assert_ne!(letters(7, 29), letters(8, 29));
        assert_eq!(hexadecimal(1).len(), 32);
        let uuid = uuid(1);
        assert_eq!(
            uuid.split('-').map(str::len).collect::<Vec<_>>(),
            [8, 4, 4, 4, 12]
        );
        assert_eq!(uuid.as_bytes()[14], b'4');
    }
}
