//! The most that a call can cost, before it is sent and for when nobody reports what it did cost.
//!
//! Invariants: never below what the upstream can bill for the request as sent; a count of tokens never bounds above the bytes.
//! Does not know: usage, budgets, who calls.
//! Source: byte-level tokenizers make at most one token of a byte; what is no text is bounded by the model's published maximum, or by
//! its longest input.

use bytes::Bytes;
use cost_accounting::{Kind, Limits, Modalities, PicoUsd, PriceRow, Tier};

use crate::object::Object;
use crate::request::{Making, Operation, Request};

mod media;
mod message;
mod shape;
mod tokens;

pub(crate) use media::known_usage;
use shape::Shape;
pub(crate) use shape::{Boundless, Hosted};

/// What the upstream may add to the text of a request, in tokens: once, for each message, part, picture and tool.
const FRAMING_TOKENS_MAX: u64 = 64;
const MESSAGE_FRAMING_TOKENS_MAX: u64 = 8;
const TOOL_FRAMING_TOKENS_MAX: u64 = 16;
/// The longest output taken where neither the caller nor the price list gives one.
const OUTPUT_TOKENS_FALLBACK: u64 = 128_000;
/// The longest input taken for what the body does not bound, where the price list gives none.
const INPUT_TOKENS_FALLBACK: u64 = 1_000_000;
/// The calls of hosted tools that a request without a maximum is given.
const HOSTED_CALLS_DEFAULT: u64 = 8;
/// The containers that one response can begin: its own, and one more where that runs out.
const CONTAINERS_MAX: u64 = 2;

/// What a bound depends on, read once from a request.
#[derive(Debug)]
pub(crate) struct Basis {
    body: Bytes,
    operation: Operation,
    output_tokens_max: Option<u64>,
    choices: u64,
    making: Making,
    shape: Shape,
}

/// The most tokens out that a request without a maximum is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cap {
    /// For each choice, reasoning among them.
    pub(crate) tokens: u64,
    /// The field that this model takes it in.
    pub(crate) field: &'static str,
}

impl Basis {
    /// Of a request, whose body was read as `object`.
    pub(crate) fn new(request: &Request, object: &Object<'_>) -> Self {
        let shape = if request.operation.writes_text() {
            Shape::read(object)
        } else {
            // Text or token ids, and no field that changes the price of a token.
            Shape::default()
        };
        Self {
            body: request.body.clone(),
            operation: request.operation,
            output_tokens_max: request.output_tokens_max,
            choices: request.choices_made,
            making: request.making,
            shape,
        }
    }

    /// The bound at the prices of `row`, from the length of the body: free to work out.
    pub(crate) fn bytes(&self, row: &PriceRow) -> PicoUsd {
        self.bound(row, self.text_bytes())
    }

    /// The same from a count of tokens; never above [`Basis::bytes`].
    ///
    /// Takes about 35 ms for a megabyte, and 75 ms more on the first use of an encoding: not for a thread that serves others.
    /// Equals the bound of the bytes where the model's encoding is not known, or where the text is not what decides.
    pub(crate) fn counted(&self, row: &PriceRow) -> PicoUsd {
        if self.boundless(row).is_some() {
            return self.bytes(row);
        }
        let counted = tokens::count(row.model(), self.operation, &self.body);
        let text_bytes = self.text_bytes();
        self.bound(
            row,
            counted.map_or(text_bytes, |tokens| tokens.min(text_bytes)),
        )
    }

    /// Why the body does not bound the input, if it does not: then the model's longest input is taken.
    ///
    /// Shape: with [`Boundless::HostedTools`] that counts for every round of the tools, whose number [`Basis::hosted_cap`] bounds.
    pub(crate) fn boundless(&self, row: &PriceRow) -> Option<Boundless> {
        let priced = |count: u64, tokens: Option<u64>| count == 0 || tokens.is_some();
        let shape = &self.shape;
        let images = priced(shape.parts.images_low, row.image_tokens_low_max())
            && priced(shape.parts.images_high, row.image_tokens_high_max());
        shape
            .boundless()
            .or_else(|| (!images).then_some(Boundless::Image))
    }

    /// Which tools of the upstream's own the call may use.
    pub(crate) fn hosted(&self) -> Hosted {
        self.shape.hosted
    }

    /// The tiers that may have served where the answer names none: those that the caller asked for, else the standard one.
    /// To be called before [`Basis::explicit_tier`].
    pub(crate) fn unsaid_tiers(&self) -> &'static [Tier] {
        if self.shape.tier_named && !self.shape.tiers.is_empty() {
            self.shape.tiers
        } else {
            &[Tier::Standard]
        }
    }

    /// Makes the tier explicit: the member to write into the body where the caller named none, and its value.
    ///
    /// `takes_tier` is whether the upstream knows the field; other servers may refuse what they do not know. Without a name the
    /// settings of the upstream's project decide, so all tiers are bounded.
    pub(crate) fn explicit_tier(
        &mut self,
        row: &PriceRow,
        takes_tier: bool,
    ) -> Option<(&'static str, &'static str)> {
        let may = takes_tier
            && matches!(self.operation, Operation::Chat | Operation::Responses)
            && matches!(row.kind(), Kind::Chat | Kind::Responses);
        if !may || self.shape.tier_named {
            return None;
        }
        self.shape.tier_named = true;
        self.shape.tiers = shape::tiers("default");
        Some(("service_tier", "\"default\""))
    }

    /// Caps the calls of hosted tools where the caller set no maximum: the member to write into the body, and its value.
    pub(crate) fn hosted_cap(&mut self) -> Option<(&'static str, String)> {
        if !self.shape.hosted.any() || self.shape.hosted.calls_max.is_some() {
            return None;
        }
        self.shape.hosted.calls_max = Some(HOSTED_CALLS_DEFAULT);
        Some(("max_tool_calls", HOSTED_CALLS_DEFAULT.to_string()))
    }

    /// Caps the output where the caller set no maximum: at the larger of `tokens_min` and what 1 % of the tightest limit buys, at most
    /// the model's own maximum. To be called after [`Basis::explicit_tier`], since the tier sets the price.
    ///
    /// Shape: `None` where the caller set one, where no budget binds, or where output is free.
    pub(crate) fn output_cap(
        &mut self,
        row: &PriceRow,
        tightest_limit: Option<PicoUsd>,
        tokens_min: u64,
    ) -> Option<Cap> {
        if !self.operation.writes_text() || self.output_tokens_max.is_some() {
            return None;
        }
        let longest = row.output_tokens_max().unwrap_or(OUTPUT_TOKENS_FALLBACK);
        let of = (self.shape.tiers, self.choices);
        let tokens = row.output_cap(of, tightest_limit?, tokens_min, longest)?;
        self.output_tokens_max = Some(tokens);
        let field = match (self.operation, row.kind()) {
            (Operation::Responses, _) => "max_output_tokens",
            (Operation::Completions, _) => "max_tokens",
            // Of the responses endpoint; a chat takes it under its own name.
            (_, Kind::Responses) => "max_completion_tokens",
            _ => row.output_limit_field().name(),
        };
        Some(Cap { tokens, field })
    }

    /// The bytes of the body that can become tokens of text.
    fn text_bytes(&self) -> u64 {
        (self.body.len() as u64).saturating_sub(self.shape.parts.image_bytes)
    }

    fn bound(&self, row: &PriceRow, text_tokens: u64) -> PicoUsd {
        row.bound_within(&self.limits(row, text_tokens), self.shape.tiers)
    }

    fn limits(&self, row: &PriceRow, text_tokens: u64) -> Limits {
        let shape = &self.shape;
        if let Some(limits) = media::limits(self.making, self.input(row, text_tokens), row) {
            return limits;
        }
        let mut limits = Limits {
            modalities: shape.modalities(),
            ..Limits::text(self.input(row, text_tokens), self.output(row))
        };
        if shape.hosted.any() {
            let calls = shape.hosted.calls_max.unwrap_or(HOSTED_CALLS_DEFAULT);
            // Every call brings its findings back as input of one more round.
            limits.input_tokens = limits.input_tokens.saturating_mul(calls.saturating_add(1));
            let of = |tool: bool| if tool { calls } else { 0 };
            limits.web_searches = of(shape.hosted.web_search);
            limits.file_searches = of(shape.hosted.file_search);
            limits.containers = of(shape.hosted.code_interpreter).min(CONTAINERS_MAX);
            limits.modalities = Modalities::ALL;
        }
        limits
    }

    fn input(&self, row: &PriceRow, text_tokens: u64) -> u64 {
        let parts = &self.shape.parts;
        let images = |count: u64, each: Option<u64>| count.saturating_mul(each.unwrap_or(0));
        let framing = FRAMING_TOKENS_MAX
            .saturating_add((parts.messages + parts.parts) * MESSAGE_FRAMING_TOKENS_MAX)
            .saturating_add(self.shape.tools * TOOL_FRAMING_TOKENS_MAX);
        let told = text_tokens
            .saturating_add(framing)
            .saturating_add(images(parts.images_low, row.image_tokens_low_max()))
            .saturating_add(images(parts.images_high, row.image_tokens_high_max()));
        match (self.operation, row.input_tokens_max()) {
            // Of one text, and a call can have many.
            (Operation::Embeddings | Operation::Completions, _) => told,
            (_, Some(longest)) if self.boundless(row).is_some() => longest,
            // What is longer is refused, free of charge.
            (_, Some(longest)) => told.min(longest),
            (_, None) if self.boundless(row).is_some() => told.max(INPUT_TOKENS_FALLBACK),
            (_, None) => told,
        }
    }

    fn output(&self, row: &PriceRow) -> u64 {
        let each = match (self.output_tokens_max, row.output_tokens_max()) {
            // An upstream refuses a maximum above the model's own, so a larger one bounds nothing.
            (Some(asked), Some(longest)) => asked.min(longest),
            (Some(asked), None) => asked,
            (None, longest) => longest.unwrap_or(OUTPUT_TOKENS_FALLBACK),
        };
        // What was predicted and not taken is billed as output, too.
        each.saturating_add(self.shape.predicted_bytes)
            .saturating_mul(self.choices)
    }
}

#[cfg(test)]
mod tests;
