//! Makes any entry fit what the store takes, so that no answer of an upstream can keep a call out of the ledger.
//!
//! Invariants: what fits is left alone; what does not is cut or clamped, never refused; an entry that was changed says so;
//! to do it twice changes nothing more.
//! Does not know: the store itself, which figures are plausible.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use storage::{LIST_MAX, TEXT_BYTES_MAX, TOKENS_MAX};

use super::Entry;
use crate::money::PicoUsd;
use crate::usage::Usage;

/// What an entry that was changed says in `other_usage`.
const MARK: &str = "\"clamped\":true";
/// The longest time that is stored.
const WAIT_MAX: Duration = Duration::from_millis(i64::MAX.unsigned_abs());

impl Entry {
    /// The entry as the store takes it, and whether something had to be cut or clamped for that.
    ///
    /// Shape: texts are cut to [`TEXT_BYTES_MAX`] at the end of a character, tags to [`LIST_MAX`]; tokens are clamped to
    /// [`TOKENS_MAX`] a class, the cost to what 64 bits hold and, unless it adjusts another entry, to zero from below.
    /// `"clamped":true` in `other_usage` then tells a reader that the figures may be too low.
    #[must_use]
    pub fn storable(mut self) -> (Entry, bool) {
        let texts = self.cut_texts();
        let numbers = self.clamp_numbers();
        if texts || numbers {
            self.other_usage = Some(marked(self.other_usage.as_deref()));
        }
        (self, texts || numbers)
    }

    fn cut_texts(&mut self) -> bool {
        let mut changed = false;
        let shared = [
            Some(&mut self.key_id),
            Some(&mut self.project),
            Some(&mut self.model),
            Some(&mut self.upstream),
            self.model_served.as_mut(),
            self.service_tier.as_mut(),
            self.price_row.as_mut(),
        ];
        for text in shared.into_iter().flatten() {
            changed |= cut(text);
        }
        for text in [&mut self.endpoint, &mut self.outcome] {
            changed |= cut(text);
        }
        if let Some(text) = &mut self.end_user {
            changed |= cut(text);
        }
        // Half a JSON object is none, and what the usage adds to it has to fit too.
        let with_usage = self.usage.with_others(self.other_usage.clone());
        if with_usage.is_some_and(|json| !fits(&json)) {
            self.other_usage = None;
            changed = true;
        }
        if self.tags.len() > LIST_MAX || !self.tags.iter().all(|tag| fits(tag)) {
            let mut tags: Vec<String> = self.tags.iter().take(LIST_MAX).cloned().collect();
            for tag in &mut tags {
                cut(tag);
            }
            self.tags = Arc::from(tags);
            changed = true;
        }
        changed
    }

    fn clamp_numbers(&mut self) -> bool {
        let mut changed = clamp_tokens(&mut self.usage) | clamp_tokens(&mut self.taken_back);
        if self.adjustment == 0 && self.taken_back != Usage::default() {
            self.taken_back = Usage::default();
            changed = true;
        }
        // Only an adjustment may lower an earlier charge.
        let least = if self.adjustment > 0 { i64::MIN } else { 0 };
        let [least, most] = [least, i64::MAX].map(|pico| PicoUsd::from_pico(i128::from(pico)));
        changed |= clamp(&mut self.cost, least, most);
        for wait in [Some(&mut self.latency), self.first_chunk.as_mut()]
            .into_iter()
            .flatten()
        {
            changed |= clamp(wait, Duration::ZERO, WAIT_MAX);
        }
        changed
    }
}

/// Clamps each column of the store, which holds text, audio and images together: the dearer part is kept.
fn clamp_tokens(usage: &mut Usage) -> bool {
    let columns = [
        [
            &mut usage.audio_input,
            &mut usage.image_input,
            &mut usage.input,
        ],
        [
            &mut usage.cached_audio_input,
            &mut usage.cached_image_input,
            &mut usage.cached_input,
        ],
        [
            &mut usage.audio_output,
            &mut usage.image_output,
            &mut usage.output,
        ],
    ];
    let mut changed = false;
    for column in columns {
        let mut room = TOKENS_MAX.unsigned_abs();
        for tokens in column {
            changed |= clamp(tokens, 0, room);
            room -= *tokens;
        }
    }
    for tokens in [
        &mut usage.cache_write_30m,
        &mut usage.cache_write_12h,
        &mut usage.reasoning,
    ] {
        changed |= clamp(tokens, 0, TOKENS_MAX.unsigned_abs());
    }
    changed
}

fn fits(text: &str) -> bool {
    text.len() <= TEXT_BYTES_MAX
}

fn cut<T: Deref<Target = str> + From<String>>(text: &mut T) -> bool {
    if fits(text) {
        return false;
    }
    let end = text.floor_char_boundary(TEXT_BYTES_MAX);
    let short = T::from(text[..end].to_owned());
    *text = short;
    true
}

fn clamp<T: Ord + Copy>(value: &mut T, least: T, most: T) -> bool {
    let before = std::mem::replace(value, (*value).clamp(least, most));
    before != *value
}

/// The other meters with the mark before them; the mark alone if there are none, or no room.
fn marked(other_usage: Option<&str>) -> String {
    let alone = format!("{{{MARK}}}");
    let rest = other_usage.and_then(|json| json.trim().strip_prefix('{'));
    match rest.map(str::trim_start) {
        None | Some("}") => alone,
        Some(rest) => Some(format!("{{{MARK},{rest}"))
            .filter(|json| fits(json))
            .unwrap_or(alone),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::entry;
    use super::Usage;
    use super::{Duration, Entry, LIST_MAX, PicoUsd, TEXT_BYTES_MAX, TOKENS_MAX};
    use crate::EntryState;

    /// The entry with its mark, if it is changed.
    fn check(change: impl Fn(&mut Entry), expect: impl Fn(&mut Entry)) {
        let (mut given, mut expected) = (entry(), entry());
        change(&mut given);
        expect(&mut expected);
        let changed = given != expected;
        if changed {
            expected.other_usage = Some(r#"{"clamped":true}"#.to_owned());
        }
        let stored = given.storable();
        assert_eq!(stored, (expected.clone(), changed));
        assert_eq!(stored.0.storable(), (expected, false), "a second time");
    }

    fn long(text: &str) -> String {
        text.repeat(TEXT_BYTES_MAX)
    }

    #[test]
    fn what_fits_is_left_alone() {
        check(|_| {}, |_| {});
        let most = TEXT_BYTES_MAX;
        let exact = |entry: &mut Entry| {
            entry.model_served = Some("m".repeat(most).into());
            entry.usage.output = TOKENS_MAX.unsigned_abs();
            entry.cost = PicoUsd::from_pico(i128::from(i64::MAX));
            entry.tags = vec!["t".to_owned(); LIST_MAX].into();
        };
        check(exact, exact);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let most = TEXT_BYTES_MAX;
        check(
            |entry| entry.model_served = Some(long("m").into()),
            |entry| entry.model_served = Some("m".repeat(most).into()),
        );
        check(
            |entry| entry.service_tier = Some(long("€").into()),
            |entry| entry.service_tier = Some("€".repeat(most / 3).into()),
        );
        check(
            |entry| entry.end_user = Some(long("🦀") + "x"),
            |entry| entry.end_user = Some("🦀".repeat(most / 4)),
        );
        check(
            |entry| entry.tags = vec![long("é"); LIST_MAX + 1].into(),
            |entry| entry.tags = vec!["é".repeat(most / 2); LIST_MAX].into(),
        );
        check(
            |entry| (entry.outcome, entry.model) = (long("o").into(), long("n").into()),
            |entry| {
                (entry.outcome, entry.model) = ("o".repeat(most).into(), "n".repeat(most).into());
            },
        );
    }

    #[test]
    fn a_number_out_of_range_is_clamped() {
        let most = TOKENS_MAX.unsigned_abs();
        check(
            |entry| {
                entry.usage = Usage {
                    reasoning: u64::MAX,
                    input: most + 1,
                    ..Usage::default()
                }
            },
            |entry| {
                entry.usage = Usage {
                    reasoning: most,
                    input: most,
                    ..Usage::default()
                }
            },
        );
        check(
            |entry| {
                entry.usage = Usage {
                    input: most,
                    image_input: 3,
                    audio_input: most - 4,
                    ..Usage::default()
                }
            },
            |entry| {
                entry.usage = Usage {
                    input: 1,
                    image_input: 3,
                    audio_input: most - 4,
                    ..Usage::default()
                }
            },
        );
        check(
            |entry| entry.cost = PicoUsd::from_pico(i128::MAX),
            |entry| entry.cost = PicoUsd::from_pico(i128::from(i64::MAX)),
        );
        check(
            |entry| entry.cost = PicoUsd::from_pico(-1),
            |entry| entry.cost = PicoUsd::ZERO,
        );
        check(
            |entry| (entry.latency, entry.first_chunk) = (Duration::MAX, Some(Duration::MAX)),
            |entry| {
                let most = Duration::from_millis(i64::MAX.unsigned_abs());
                (entry.latency, entry.first_chunk) = (most, Some(most));
            },
        );
    }

    #[test]
    fn an_adjustment_may_lower_a_charge() {
        let adjustment = |entry: &mut Entry| {
            (entry.adjustment, entry.adjusts) = (1, Some(1));
            entry.state = EntryState::Adjusted;
            entry.cost = PicoUsd::from_pico(-5);
        };
        check(adjustment, adjustment);
    }

    #[test]
    fn the_mark_keeps_other_meters_where_there_is_room() {
        let marked = |json: &str| super::marked(Some(json));
        assert_eq!(marked(r#"{"images":1}"#), r#"{"clamped":true,"images":1}"#);
        assert_eq!(marked(" { } "), r#"{"clamped":true}"#);
        assert_eq!(marked("no object"), r#"{"clamped":true}"#);
        let full = format!("{{\"x\":\"{}\"}}", "x".repeat(TEXT_BYTES_MAX - 8));
        assert_eq!(marked(&full), r#"{"clamped":true}"#);
    }
}
