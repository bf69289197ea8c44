//! Headers of answers: which come, and in what form.
//!
//! Invariants: a finding names forms, never a value, except a word where the contract lists words.
//! Does not know: bodies; headers that belong to the network (`date`, `server`, `via`, …) are no part of a contract.
//! Source: OpenAI API reference, "Debugging requests" and "Rate limits in headers"; RFC 9110 for `Retry-After`.

use std::collections::{BTreeMap, BTreeSet};

use crate::description::{self, Term};
use crate::difference::{Difference, DifferenceKind, Grade};
use crate::exchange::Exchange;

/// What a contract says of one header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderRule {
    /// Whether answers lack it at times.
    pub optional: bool,
    /// The forms that its value has.
    pub forms: BTreeSet<Form>,
    /// Values that are words; parameters (`; charset=utf-8`) are passed over.
    pub words: BTreeSet<String>,
}

/// The form of a header's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// `true` or `false`.
    Boolean,
    /// A date of HTTP.
    Date,
    /// As in `120ms` or `6m0s`.
    Duration,
    /// Digits, with a sign at most.
    Integer,
    /// Digits with a fraction.
    Number,
    /// Anything that is not empty.
    Text,
}

impl Form {
    const ALL: [Self; 6] = [
        Self::Boolean,
        Self::Date,
        Self::Duration,
        Self::Integer,
        Self::Number,
        Self::Text,
    ];

    /// Its name in a contract file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Duration => "duration",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Text => "text",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Boolean => "true",
            Self::Date => "Sun, 22 Nov 2026 10:00:00 GMT",
            Self::Duration => "6m0s",
            Self::Integer => "1",
            Self::Number => "0.5",
            Self::Text => "text",
        }
    }

    /// The narrowest form of a value.
    pub(crate) fn of(value: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|form| form.fits(value))
            .unwrap_or(Self::Text)
    }

    fn fits(self, value: &str) -> bool {
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = |text: &str| {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
            digits(whole) && digits(fraction)
        };
        match self {
            Self::Boolean => value == "true" || value == "false",
            Self::Date => value.ends_with(" GMT") && value.contains(':'),
            Self::Duration => is_duration(value, number),
            Self::Integer => digits(value.strip_prefix('-').unwrap_or(value)),
            Self::Number => number(value),
            Self::Text => !value.is_empty(),
        }
    }
}

/// Numbers with units: `1h2m3.5s`.
fn is_duration(value: &str, is_number: impl Fn(&str) -> bool) -> bool {
    let mut rest = value;
    while !rest.is_empty() {
        let unit = rest
            .find(|letter: char| letter.is_alphabetic())
            .unwrap_or(rest.len());
        let (digits, after) = rest.split_at(unit);
        let Some(after) = ["ms", "us", "ns", "h", "m", "s"]
            .iter()
            .find_map(|unit| after.strip_prefix(unit))
        else {
            return false;
        };
        if !is_number(digits) {
            return false;
        }
        rest = after;
    }
    !value.is_empty()
}

impl HeaderRule {
    /// Reads `optional integer`, `'application/json'`, `number | date`.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        let (optional, terms) = description::read(text)?;
        let mut rule = Self {
            optional,
            ..Self::default()
        };
        for term in terms {
            match term {
                Term::Word(word) => {
                    rule.words.insert(word);
                }
                Term::Name(name) => {
                    let form = Form::ALL.into_iter().find(|form| form.name() == name);
                    rule.forms.insert(form.ok_or("a form is unknown")?);
                }
            }
        }
        Ok(rule)
    }

    /// In the form of a contract file.
    pub(crate) fn write(&self) -> String {
        let optional = if self.optional { "optional " } else { "" };
        optional.to_owned() + &self.describe()
    }

    /// A value that it allows.
    pub(crate) fn example(&self) -> String {
        let form = self.forms.first().map(|form| form.example());
        let word = self.words.first().map(String::as_str);
        word.or(form).unwrap_or_default().to_owned()
    }

    fn describe(&self) -> String {
        description::write(&self.words, self.forms.iter().map(|form| form.name()))
    }

    fn fits(&self, value: &str) -> bool {
        self.words.contains(essence(value)) || self.forms.iter().any(|form| form.fits(value))
    }

    /// What a value is, in the terms of this rule: a word where it lists words, else a form.
    fn term(&self, value: &str) -> Self {
        let mut seen = Self::default();
        if self.words.is_empty() {
            seen.forms.insert(Form::of(value));
        } else {
            seen.words.insert(essence(value).to_owned());
        }
        seen
    }

    /// Takes in a value that did not fit.
    pub(crate) fn widen(&mut self, value: &str) {
        if !self.fits(value) {
            let seen = self.term(value);
            self.forms.extend(seen.forms);
            self.words.extend(seen.words);
        }
    }

    /// Takes in a value of a header without a rule so far: a content type by its word, all else by its form.
    pub(crate) fn learn(&mut self, name: &str, value: &str) {
        if name == "content-type" {
            self.words.insert(essence(value).to_owned());
        } else {
            self.forms.insert(Form::of(value));
        }
    }
}

/// A value without its parameters.
fn essence(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

/// Whether a header says something of the answer, rather than of the way that it came.
pub(crate) fn has_meaning(name: &str) -> bool {
    const NAMES: [&str; 5] = [
        "content-type",
        "retry-after",
        "retry-after-ms",
        "x-request-id",
        "x-should-retry",
    ];
    const STARTS: [&str; 3] = ["openai-", "x-ratelimit-", "x-keyward-"];
    NAMES.contains(&name) || STARTS.iter().any(|start| name.starts_with(start))
}

/// What differs between the heads of answers, taken together, and a contract's headers.
pub(crate) fn check(
    exchanges: &[&Exchange],
    rules: &BTreeMap<String, HeaderRule>,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (name, rule) in rules {
        let values: Vec<&str> = exchanges
            .iter()
            .filter_map(|exchange| exchange.header(name))
            .collect();
        if values.len() < exchanges.len() && !rule.optional {
            let kind = DifferenceKind::Missing {
                at_times: !values.is_empty(),
            };
            differences.push(Difference::new(name, kind, Grade::Breaking));
        }
        let mut odd = HeaderRule::default();
        for value in values.into_iter().filter(|value| !rule.fits(value)) {
            let seen = rule.term(value);
            odd.forms.extend(seen.forms);
            odd.words.extend(seen.words);
        }
        if odd != HeaderRule::default() {
            let kind = DifferenceKind::Type {
                contract: rule.describe(),
                observed: odd.describe(),
            };
            differences.push(Difference::new(name, kind, Grade::Breaking));
        }
    }
    let new: BTreeSet<&String> = exchanges
        .iter()
        .flat_map(|exchange| &exchange.headers)
        .map(|(name, _)| name)
        .filter(|name| has_meaning(name) && !rules.contains_key(*name))
        .collect();
    let added = |name: &String| Difference::new(name, DifferenceKind::Added, Grade::Additive);
    differences.extend(new.into_iter().map(added));
    differences
}

#[cfg(test)]
mod tests {
    use super::{Form, HeaderRule, check};
    use crate::exchange::{Exchange, Payload};

    fn exchange(headers: &[(&str, &str)]) -> Exchange {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Exchange {
            method: "GET".to_owned(),
            route: "/models".to_owned(),
            status: 200,
            headers: headers.iter().map(owned).collect(),
            request: None,
            answer: Payload::Empty,
        }
    }

    fn check_one(rule: &str, headers: &[(&str, &str)], expected: &[&str]) {
        let rules = [("openai-x".to_owned(), HeaderRule::read(rule).unwrap())].into();
        let found = check(&[&exchange(headers)], &rules);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{rule}");
    }

    #[test]
    fn forms_are_told_apart() {
        for (value, form) in [
            ("true", Form::Boolean),
            ("12", Form::Integer),
            ("-1", Form::Integer),
            ("0.25", Form::Number),
            ("6m0s", Form::Duration),
            ("120ms", Form::Duration),
            ("1h2m3.5s", Form::Duration),
            ("Sun, 22 Nov 2026 10:00:00 GMT", Form::Date),
            ("req_1f", Form::Text),
            ("6m0", Form::Text),
            ("ms", Form::Text),
        ] {
            assert_eq!(Form::of(value), form, "{value}");
        }
    }

    #[test]
    fn a_rule_reads_as_it_is_written() {
        for text in ["optional integer", "'a' | 'it''s' | duration | text"] {
            assert_eq!(HeaderRule::read(text).unwrap().write(), text);
        }
        assert!(HeaderRule::read("float").is_err());
    }

    #[test]
    fn headers_that_lack_differ_or_are_new_are_named() {
        check_one("integer", &[("openai-x", "12")], &[]);
        check_one("optional integer", &[], &[]);
        let missing = "breaking: `openai-x` of the contract is missing in the answer";
        check_one("integer", &[], &[missing]);
        let other = "breaking: `openai-x` is integer in the contract and text in the answer";
        check_one("integer", &[("openai-x", "twelve")], &[other]);
        let json = [("openai-x", "application/json; charset=utf-8")];
        check_one("'application/json'", &json, &[]);
        let other = "breaking: `openai-x` is 'text/plain' in the contract and 'application/json' in the answer";
        check_one("'text/plain'", &json, &[other]);
        let new = "additive: `openai-y` of the answer is not in the contract";
        let headers = [("date", "x"), ("openai-x", "1"), ("openai-y", "1")];
        check_one("integer", &headers, &[new]);
    }
}
