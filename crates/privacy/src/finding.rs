//! Places in a text that must not be written, and the text without them.
//!
//! Invariants: what is cut begins and ends at a character, if the text is UTF-8; findings that overlap or touch become
//! one marker, named after the most certain of them; nothing else of the text changes.
//! Does not know: how a place was found.

use std::ops::Range;

/// How sure a finding is; the surest names the marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Certainty {
    Kept,
    Live,
    Shape,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding<'l> {
    pub(crate) range: Range<usize>,
    pub(crate) label: &'l str,
    pub(crate) certainty: Certainty,
}

/// The text with a marker in place of each finding.
pub(crate) fn redact(text: &[u8], findings: Vec<Finding<'_>>) -> Vec<u8> {
    let mut redacted = Vec::with_capacity(text.len());
    let mut written = 0;
    for finding in merge(text, findings) {
        redacted.extend_from_slice(&text[written..finding.range.start]);
        redacted.extend_from_slice(marker(finding.label).as_bytes());
        written = finding.range.end;
    }
    redacted.extend_from_slice(&text[written..]);
    redacted
}

fn marker(label: &str) -> String {
    format!("[redacted:{label}]")
}

fn merge<'l>(text: &[u8], mut findings: Vec<Finding<'l>>) -> Vec<Finding<'l>> {
    for finding in &mut findings {
        finding.range = whole_characters(text, &finding.range);
    }
    findings.sort_by_key(|finding| (finding.range.start, finding.certainty));
    let mut merged: Vec<Finding<'l>> = Vec::new();
    for finding in findings {
        match merged.last_mut() {
            Some(last) if finding.range.start <= last.range.end => {
                last.range.end = last.range.end.max(finding.range.end);
                if finding.certainty < last.certainty {
                    (last.label, last.certainty) = (finding.label, finding.certainty);
                }
            }
            _ => merged.push(finding),
        }
    }
    merged
}

/// Grows a range that cuts a character. A character has at most three bytes after its first.
fn whole_characters(text: &[u8], range: &Range<usize>) -> Range<usize> {
    let continues = |at: &usize| {
        text.get(*at)
            .is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000)
    };
    let before = (0..3)
        .take_while(|step| *step < range.start && continues(&(range.start - step)))
        .count();
    let after = (0..3)
        .take_while(|step| continues(&(range.end + step)))
        .count();
    range.start - before..range.end + after
}

#[cfg(test)]
mod tests {
    use super::{Certainty, Finding, redact};
    use Certainty::{Kept, Shape};

    fn check(text: &str, found: &[(usize, usize, &'static str, Certainty)], expected: &str) {
        let finding =
            |(start, end, label, certainty): &(usize, usize, &'static str, Certainty)| Finding {
                range: *start..*end,
                label,
                certainty: *certainty,
            };
        let redacted = redact(text.as_bytes(), found.iter().map(finding).collect());
        assert_eq!(String::from_utf8(redacted).unwrap(), expected);
    }

    #[test]
    fn nothing_found_changes_nothing() {
        check("text", &[], "text");
    }

    #[test]
    fn each_finding_becomes_a_marker_in_order() {
        check(
            "abcdef",
            &[(4, 5, "y", Kept), (1, 2, "x", Kept)],
            "a[redacted:x]cd[redacted:y]f",
        );
    }

    #[test]
    fn overlapping_and_touching_findings_become_one_named_by_the_surest() {
        check(
            "abcdef",
            &[(0, 3, "x", Shape), (2, 4, "y", Kept), (4, 5, "z", Shape)],
            "[redacted:y]f",
        );
        check(
            "abcdef",
            &[(0, 6, "x", Kept), (2, 3, "y", Shape)],
            "[redacted:x]",
        );
    }

    #[test]
    fn a_cut_character_goes_whole() {
        check("aé€b", &[(2, 4, "x", Kept)], "a[redacted:x]b");
        check("é", &[(1, 2, "x", Kept)], "[redacted:x]");
    }
}
