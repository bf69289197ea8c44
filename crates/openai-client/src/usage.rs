//! Token usage as an upstream reports it, in classes that do not overlap.
//!
//! Invariants: the classes add up to at least what was reported under every reading of it; a report that contradicts itself says so
//! in `flaw`; a count that cannot be read makes the whole usage unreadable.
//! Does not know: prices, which model it was.
//! Source: OpenAI API, usage of chat completions, embeddings and responses.

use serde::{Deserialize, Deserializer};

use crate::lenient::Count;
use crate::wire::AnswerHead;

/// What one answer used. The classes are disjoint: their sum is all tokens.
///
/// Units: tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input neither read from nor written to the prompt cache.
    pub input: u64,
    /// Input read from the prompt cache.
    pub cached_input: u64,
    /// Input written to the prompt cache for 30 minutes, the life that an upstream uses where it names none.
    pub cache_write_30m: u64,
    /// Input written to the prompt cache for 12 hours.
    pub cache_write_12h: u64,
    /// Output without reasoning.
    pub output: u64,
    /// Output spent on reasoning.
    pub reasoning: u64,
    /// Why the report contradicts itself, if it does. Then the classes are the dearest reading of it.
    pub flaw: Option<&'static str>,
}

/// Cached and written input exceed the input they should be part of. Charged: the whole input as uncached, and both on top, as if
/// they had been left out of it, which is how some upstreams count.
const CACHE_EXCEEDS_INPUT: &str = "cached and written input exceed the input";
/// The lives of cache writes do not add up to the writes. Charged: the larger sum, the unexplained part at the longer life.
const LIVES_DIFFER: &str = "the lives of cache writes do not add up";
/// Reasoning exceeds the output it should be part of. Charged: both.
const REASONING_EXCEEDS_OUTPUT: &str = "reasoning exceeds the output";
/// The total is larger than the parts. Charged: the rest as output; some upstreams leave reasoning out of the output.
const TOTAL_EXCEEDS_PARTS: &str = "the total exceeds its parts";

/// Reads the `usage` of a whole JSON body: chat completions, embeddings, or responses.
///
/// `None` where there is none, or none that can be read: then the caller has to charge what it proved, not nothing. To tell the two
/// apart, use [`AnswerHead::parse`].
pub fn parse_usage(body: &[u8]) -> Option<Usage> {
    AnswerHead::parse(body).ok()?.usage
}

/// A usage object of any of the three shapes, as it stands.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RawUsage {
    prompt_tokens: Option<Count>,
    completion_tokens: Option<Count>,
    input_tokens: Option<Count>,
    output_tokens: Option<Count>,
    total_tokens: Option<Count>,
    prompt_tokens_details: Nullable<InputDetails>,
    input_tokens_details: Nullable<InputDetails>,
    completion_tokens_details: Nullable<OutputDetails>,
    output_tokens_details: Nullable<OutputDetails>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Count,
    cache_write_tokens: Count,
    cache_write_tokens_details: Nullable<WriteDetails>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WriteDetails {
    ttl_30m_tokens: Count,
    ttl_12h_tokens: Count,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Count,
}

/// `null` or absent is the default.
#[derive(Debug, Default)]
struct Nullable<T>(Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Nullable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self)
    }
}

impl RawUsage {
    /// The disjoint classes; `None` where the object has no counts at all.
    pub(crate) fn usage(self) -> Option<Usage> {
        let input = self.prompt_tokens.or(self.input_tokens)?.0;
        let output = self
            .completion_tokens
            .or(self.output_tokens)
            .unwrap_or_default()
            .0;
        let total = self.total_tokens.unwrap_or_default().0;
        let mut usage = Usage::default();
        usage.take_input(
            input,
            self.prompt_tokens_details
                .0
                .or(self.input_tokens_details.0)
                .unwrap_or_default(),
        );
        usage.take_output(
            output,
            self.completion_tokens_details
                .0
                .or(self.output_tokens_details.0)
                .unwrap_or_default(),
        );
        usage.take_rest(total);
        Some(usage)
    }
}

impl Usage {
    /// All input classes together.
    pub fn input_total(&self) -> u64 {
        self.input + self.cached_input + self.cache_write_30m + self.cache_write_12h
    }

    /// All output classes together.
    pub fn output_total(&self) -> u64 {
        self.output + self.reasoning
    }

    fn take_input(&mut self, input: u64, details: InputDetails) {
        self.cached_input = details.cached_tokens.0;
        self.take_writes(
            details.cache_write_tokens.0,
            details.cache_write_tokens_details.0,
        );
        let parts = self.cached_input + self.cache_write_30m + self.cache_write_12h;
        if parts > input {
            self.flaw = Some(CACHE_EXCEEDS_INPUT);
        }
        self.input = input.checked_sub(parts).unwrap_or(input);
    }

    fn take_writes(&mut self, written: u64, details: Option<WriteDetails>) {
        let Some(details) = details else {
            self.cache_write_30m = written;
            return;
        };
        let (short, long) = (details.ttl_30m_tokens.0, details.ttl_12h_tokens.0);
        if short + long != written {
            self.flaw = Some(LIVES_DIFFER);
        }
        self.cache_write_30m = short;
        self.cache_write_12h = long + written.saturating_sub(short + long);
    }

    fn take_output(&mut self, output: u64, details: OutputDetails) {
        self.reasoning = details.reasoning_tokens.0;
        if self.reasoning > output {
            self.flaw = Some(REASONING_EXCEEDS_OUTPUT);
        }
        self.output = output.checked_sub(self.reasoning).unwrap_or(output);
    }

    fn take_rest(&mut self, total: u64) {
        let counted = self.input_total() + self.output_total();
        if total > counted {
            self.flaw = Some(TOTAL_EXCEEDS_PARTS);
            self.output += total - counted;
        }
    }
}

#[cfg(test)]
mod tests;
