//! Replacements in a text, and where they move what was cut at some place.
//!
//! Invariants: replacements are in the order of the text and do not overlap; a place keeps its order to all others.
//! Does not know: why something is replaced.

use std::ops::Range;

#[derive(Debug, Default)]
pub(super) struct Edits {
    edits: Vec<(Range<usize>, String)>,
}

impl Edits {
    pub(super) fn put(&mut self, range: Range<usize>, text: String) {
        self.edits.push((range, text));
    }

    /// Takes over replacements in the part of the text that begins at `offset`.
    pub(super) fn take(&mut self, other: Self, offset: usize) {
        let moved = other
            .edits
            .into_iter()
            .map(|(range, text)| (range.start + offset..range.end + offset, text));
        self.edits.extend(moved);
    }

    /// Puts replacements that came in any order into the text's.
    pub(super) fn sort(&mut self) {
        self.edits.sort_by_key(|(range, _)| range.start);
    }

    pub(super) fn apply(&self, text: &str) -> String {
        let mut edited = String::with_capacity(text.len());
        let mut end = 0;
        for (range, new) in &self.edits {
            edited += text.get(end..range.start).unwrap_or_default();
            edited += new;
            end = range.end;
        }
        edited + text.get(end..).unwrap_or_default()
    }

    /// Where `place`, in bytes of the old text, is in the new one. Inside a replacement it stays as far from its start
    /// as it was, but inside.
    pub(super) fn moved(&self, place: usize) -> usize {
        let mut moved = place;
        for (range, new) in self
            .edits
            .iter()
            .take_while(|(range, _)| range.start < place)
        {
            if place < range.end {
                let start = moved - (place - range.start);
                return start + (place - range.start).min(new.len());
            }
            moved = moved + new.len() - range.len();
        }
        moved
    }

    /// Cuts the edited text where `ends`, in bytes of the old one, are now; the last part takes the rest.
    pub(super) fn recut<'t>(
        &self,
        edited: &'t str,
        ends: impl Iterator<Item = usize>,
    ) -> Vec<&'t str> {
        let mut start = 0;
        ends.map(|end| {
            let end = edited.floor_char_boundary(self.moved(end)).max(start);
            let part = &edited[start..end];
            start = end;
            part
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Edits;

    fn check(edits: &[(std::ops::Range<usize>, &str)], ends: &[usize], expected: &[&str]) {
        let mut all = Edits::default();
        edits
            .iter()
            .for_each(|(range, new)| all.put(range.clone(), (*new).to_owned()));
        let edited = all.apply("0123456789");
        assert_eq!(all.recut(&edited, ends.iter().copied()), expected);
    }

    #[test]
    fn parts_are_cut_where_they_were() {
        check(&[], &[3, 10], &["012", "3456789"]);
        check(&[(2..4, "ab")], &[3, 10], &["01a", "b456789"]);
        check(&[(2..4, "a")], &[3, 10], &["01a", "456789"]);
        check(
            &[(2..4, ""), (6..7, "long")],
            &[3, 7, 10],
            &["01", "45long", "789"],
        );
        check(&[(2..8, "a")], &[5, 9, 10], &["01a", "8", "9"]);
    }
}
