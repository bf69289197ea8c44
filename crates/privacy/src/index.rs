//! Finds runs of known forms in a text, in one pass whatever their number.
//!
//! A run of 16 bytes always covers one whole block of 8 bytes at a multiple of 8 of its form. So only those blocks are
//! indexed, every position of the text is looked up, and a hit is grown to both sides. A bit filter in front answers
//! nearly every position with one multiplication. An Aho-Corasick automaton over all 16-byte pieces of all forms would
//! find the same, and be a hundred times larger and too slow to build for the key of one request.
//!
//! Invariants: each run of at least `run_min` bytes of a form is found, unless it lies in what was found before it, or
//! the form repeats one block more than `SAME_BLOCKS_MAX` times and the run is a piece of that; a whole form is always
//! found.
//! Does not know: how forms are made, what is done with findings.

use std::ops::Range;

use crate::forms::Form;

/// Bytes of one anchor.
pub(crate) const BLOCK_BYTES: usize = 8;

/// How many equal blocks of one form are anchors. A caller may send a key of a thousand equal letters; grown from every
/// block, each place in a text of that letter would cost a thousand times as much as it should.
const SAME_BLOCKS_MAX: usize = 8;

/// Bits of the filter for each anchor, so that few positions pass by chance; and its bounds, in bits.
const FILTER_BITS_EACH: usize = 16;
const FILTER_BITS_MIN: usize = 1 << 12;
const FILTER_BITS_MAX: usize = 1 << 20;

#[derive(Debug, Default)]
pub(crate) struct Index {
    forms: Vec<Form>,
    /// By block.
    anchors: Vec<Anchor>,
    filter: Filter,
}

#[derive(Debug)]
struct Anchor {
    block: u64,
    form: usize,
    offset: usize,
}

impl Index {
    pub(crate) fn new(forms: Vec<Form>) -> Self {
        let mut anchors = Vec::new();
        for (number, form) in forms.iter().enumerate() {
            let (blocks, _) = form.bytes.as_chunks();
            let anchor = |(at, block): (usize, &[u8; BLOCK_BYTES])| Anchor {
                block: u64::from_le_bytes(*block),
                form: number,
                offset: at * BLOCK_BYTES,
            };
            anchors.extend(blocks.iter().enumerate().map(anchor));
        }
        anchors.sort_unstable_by_key(|anchor| (anchor.block, anchor.form, anchor.offset));
        drop_repeats(&mut anchors);
        let filter = Filter::new(anchors.iter().map(|anchor| anchor.block));
        Self {
            forms,
            anchors,
            filter,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }

    /// Tells each run, with the label of its secret.
    pub(crate) fn find<'i>(&'i self, text: &[u8], mut tell: impl FnMut(Range<usize>, &'i str)) {
        if self.is_empty() {
            return;
        }
        let mut found_to = 0;
        for (at, block) in text.array_windows().enumerate() {
            let block = u64::from_le_bytes(*block);
            if !self.filter.may_have(block) || at + BLOCK_BYTES <= found_to {
                continue;
            }
            for anchor in self.anchors_of(block) {
                let form = &self.forms[anchor.form];
                let run = grow(text, at, &form.bytes, anchor.offset);
                if run.len() >= form.run_min {
                    found_to = found_to.max(run.end);
                    tell(run, &form.label);
                }
            }
        }
    }

    fn anchors_of(&self, block: u64) -> impl Iterator<Item = &Anchor> {
        let first = self.anchors.partition_point(|anchor| anchor.block < block);
        self.anchors[first..]
            .iter()
            .take_while(move |anchor| anchor.block == block)
    }
}

/// Keeps the first of the anchors of one form that have the same block.
fn drop_repeats(anchors: &mut Vec<Anchor>) {
    let mut last = None;
    let mut repeats = 0;
    anchors.retain(|anchor| {
        let this = Some((anchor.block, anchor.form));
        repeats = if this == last { repeats + 1 } else { 0 };
        last = this;
        repeats < SAME_BLOCKS_MAX
    });
}

/// The longest run of equal bytes around a block that stands at `at` in the text and at `offset` in the form.
fn grow(text: &[u8], at: usize, form: &[u8], offset: usize) -> Range<usize> {
    let equal = |(one, other): &(&u8, &u8)| one == other;
    let before = text[..at]
        .iter()
        .rev()
        .zip(form[..offset].iter().rev())
        .take_while(equal)
        .count();
    let (rest, rest_of_form) = (&text[at + BLOCK_BYTES..], &form[offset + BLOCK_BYTES..]);
    let after = rest.iter().zip(rest_of_form).take_while(equal).count();
    at - before..at + BLOCK_BYTES + after
}

/// Says for nearly every block that is not in the index that it is not.
#[derive(Debug, Default)]
struct Filter {
    words: Vec<u64>,
    shift: u32,
}

impl Filter {
    fn new(blocks: impl ExactSizeIterator<Item = u64>) -> Self {
        let wanted = (blocks.len() * FILTER_BITS_EACH).next_power_of_two();
        let bits = wanted.clamp(FILTER_BITS_MIN, FILTER_BITS_MAX);
        let mut filter = Self {
            words: vec![0; bits / 64],
            shift: 64 - bits.trailing_zeros(),
        };
        for block in blocks {
            let bit = filter.bit(block);
            filter.words[bit / 64] |= 1 << (bit % 64);
        }
        filter
    }

    fn may_have(&self, block: u64) -> bool {
        let bit = self.bit(block);
        self.words
            .get(bit / 64)
            .is_some_and(|word| word & (1 << (bit % 64)) != 0)
    }

    /// Multiplicative hashing by the golden ratio; the high bits depend on all bytes.
    fn bit(&self, block: u64) -> usize {
        (block.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Index;
    use crate::forms::Form;

    /// The runs found of `form`, of which a piece of 16 counts.
    #[track_caller]
    fn check(form: &str, text: &str, expected: &[&str]) {
        let bytes: Box<[u8]> = form.as_bytes().into();
        let run_min = bytes.len().min(16);
        let index = Index::new(vec![Form {
            bytes,
            run_min,
            label: Arc::from("label"),
        }]);
        let mut found = Vec::new();
        index.find(text.as_bytes(), |run, _| found.push(&text[run]));
        assert_eq!(found, expected);
    }

    const FORM: &str = "abcdefghijklmnopqrstuvwxyz0123456789";

    #[test]
    fn a_whole_form_is_found_anywhere() {
        check(FORM, FORM, &[FORM]);
        check(FORM, &format!("x{FORM}"), &[FORM]);
        check(FORM, &format!("xyz {FORM} and {FORM}."), &[FORM, FORM]);
        check("exactly8", "is exactly8 long", &["exactly8"]);
    }

    #[test]
    fn every_piece_of_sixteen_is_found_and_none_of_fifteen() {
        for start in 0..=FORM.len() - 16 {
            let piece = &FORM[start..start + 16];
            check(FORM, &format!("<{piece}>"), &[piece]);
            check(FORM, &format!("<{}>", &piece[1..]), &[]);
        }
    }

    #[test]
    fn a_short_form_is_found_only_whole() {
        check(
            "elevenchars",
            "elevenchar elevenchars levenchars",
            &["elevenchars"],
        );
    }

    #[test]
    fn repeating_forms_do_not_confuse_it() {
        check("aaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaa", &[]);
        check(
            "aaaaaaaaaaaaaaaaaaaa",
            "xaaaaaaaaaaaaaaaaaaaay",
            &["aaaaaaaaaaaaaaaaaaaa"],
        );
    }

    #[test]
    fn an_empty_index_and_a_short_text_hold_nothing() {
        Index::default().find(FORM.as_bytes(), |_, _| panic!("found in nothing"));
        check(FORM, "abc", &[]);
        check(FORM, "", &[]);
    }
}
