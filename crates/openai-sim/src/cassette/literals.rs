//! Finds the texts and numbers in JSON, with the way to each.
//!
//! Invariants: what is found lies in the order of the document; names of fields are not found.
//! Does not know: what a text means; JSON that is not valid.
//! Source: RFC 8259.

use std::ops::Range;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Field(String),
    Item(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
}

#[derive(Clone, Debug)]
pub(super) struct Literal {
    pub(super) way: Vec<Step>,
    /// Bytes of the document, quotes included.
    pub(super) range: Range<usize>,
    pub(super) kind: Kind,
}

impl Literal {
    /// The name of the field that the value, or the list that holds it, belongs to.
    pub(super) fn name(&self) -> &str {
        self.names().next().unwrap_or_default()
    }

    /// The names on the way, last first.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.way.iter().rev().filter_map(|step| match step {
            Step::Field(name) => Some(name.as_str()),
            Step::Item(_) => None,
        })
    }
}

/// What a text in quotes says.
pub(super) fn decoded(literal: &str) -> String {
    serde_json::from_str(literal).unwrap_or_default()
}

/// The literals of `document`, which must be valid JSON.
pub(super) fn literals(document: &str) -> Vec<Literal> {
    let mut finder = Finder::default();
    let bytes = document.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at = match byte {
            b'"' => {
                let end = end_of_text(bytes, at);
                finder.text(document.get(at..end).unwrap_or_default(), at..end);
                end
            }
            b'-' | b'0'..=b'9' => {
                let end = end_of_number(bytes, at);
                finder.found(Kind::Number, at..end);
                end
            }
            other => {
                finder.mark(*other);
                at + 1
            }
        };
    }
    finder.literals
}

#[derive(Default)]
struct Finder {
    literals: Vec<Literal>,
    way: Vec<Step>,
    /// Whether the next text is the name of a field.
    name_next: bool,
}

impl Finder {
    fn mark(&mut self, byte: u8) {
        match byte {
            b'{' => {
                self.way.push(Step::Field(String::new()));
                self.name_next = true;
            }
            b'[' => self.way.push(Step::Item(0)),
            b'}' | b']' => {
                self.way.pop();
                self.name_next = false;
            }
            b',' => match self.way.last_mut() {
                Some(Step::Item(index)) => *index += 1,
                _ => self.name_next = true,
            },
            _ => {}
        }
    }

    fn text(&mut self, literal: &str, range: Range<usize>) {
        let naming = std::mem::take(&mut self.name_next);
        match self.way.last_mut() {
            Some(Step::Field(name)) if naming => *name = decoded(literal),
            _ => self.found(Kind::Text, range),
        }
    }

    fn found(&mut self, kind: Kind, range: Range<usize>) {
        let way = self.way.clone();
        self.literals.push(Literal { way, range, kind });
    }
}

fn end_of_text(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn end_of_number(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest
        .iter()
        .position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    start + length.unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::{Step, literals};

    fn check(document: &str, expected: &[(&str, &str)]) {
        let way = |way: &[Step]| -> String {
            way.iter()
                .map(|step| match step {
                    Step::Field(name) => format!(".{name}"),
                    Step::Item(index) => format!("[{index}]"),
                })
                .collect()
        };
        let found: Vec<(String, &str)> = literals(document)
            .into_iter()
            .map(|literal| (way(&literal.way), &document[literal.range]))
            .collect();
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(way, text)| (way.as_str(), *text))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_value_has_its_way() {
        check(r#""alone""#, &[("", r#""alone""#)]);
        check("-1.5e+3", &[("", "-1.5e+3")]);
        check(
            r#" {"a": "b", "c": [1, {"d\n": "e\"\\"}, [], null, 2], "f": {}, "g": true, "h": "é"} "#,
            &[
                (".a", r#""b""#),
                (".c[0]", "1"),
                (".c[1].d\n", r#""e\"\\""#),
                (".c[4]", "2"),
                (".h", r#""é""#),
            ],
        );
    }
}
