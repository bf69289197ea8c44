//! A usage object as it stands on the wire, of every shape, and its split into classes that do not overlap.
//!
//! Invariants: a part is taken out of its whole only where it fits into it; where it does not, both count and the report is flawed;
//! what is cached is taken from text first, then images, then audio, since cached audio saves the most.
//! Does not know: prices, JSON around the object.
//! Source: OpenAI API, usage of chat completions (`prompt_tokens`), responses and images (`input_tokens`), realtime
//! (`input_token_details`), transcriptions (`seconds`); DeepSeek's `prompt_cache_hit_tokens`.

use serde::Deserialize;

use super::Usage;
use super::kind::{BodyKind, Modality, Untold};
use crate::lenient::{Count, Loose, Member, Seconds};

/// Cached and written input exceed the input they should be part of. Charged: the whole input as uncached, and both on top, as if
/// they had been left out of it, which is how some upstreams count.
pub(super) const CACHE_EXCEEDS_INPUT: &str = "cached and written input exceed the input";
/// The cached tokens by modality are not the cached tokens, or exceed the input of their modality. Charged: the fewest cached.
pub(super) const CACHED_PARTS_DIFFER: &str = "the modalities of cached input do not add up";
/// The lives of cache writes do not add up to the writes. Charged: the larger sum, the unexplained part at the longer life.
pub(super) const LIVES_DIFFER: &str = "the lives of cache writes do not add up";
/// Text, images and audio in do not add up to the input. Charged: the larger sum, the unexplained part as text.
pub(super) const INPUT_PARTS_DIFFER: &str = "the modalities of the input do not add up";
/// Images and audio out exceed the output. Charged: both.
pub(super) const OUTPUT_PARTS_EXCEED: &str = "images and audio exceed the output";
/// Reasoning exceeds the output it should be part of. Charged: both.
pub(super) const REASONING_EXCEEDS_OUTPUT: &str = "reasoning exceeds the output";
/// The total is larger than the parts. Charged: the rest as output; some upstreams leave reasoning out of the output.
pub(super) const TOTAL_EXCEEDS_PARTS: &str = "the total exceeds its parts";
/// A model of another price worked too. Its tokens are counted, but at the price of the model that answered.
pub(super) const ANOTHER_MODEL: &str = "tokens of another model are in it";

/// A usage object of any shape, as it stands.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RawUsage {
    r#type: Loose,
    prompt_tokens: Option<Count>,
    completion_tokens: Option<Count>,
    input_tokens: Option<Count>,
    output_tokens: Option<Count>,
    total_tokens: Option<Count>,
    prompt_tokens_details: Member<InputDetails>,
    input_tokens_details: Member<InputDetails>,
    input_token_details: Member<InputDetails>,
    completion_tokens_details: Member<OutputDetails>,
    output_tokens_details: Member<OutputDetails>,
    output_token_details: Member<OutputDetails>,
    prompt_cache_hit_tokens: Count,
    seconds: Option<Seconds>,
    svg_usage: Member<OtherModel>,
}

/// What hosted tools used, beside `usage`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RawToolUsage {
    web_search: Member<Searches>,
    image_gen: Member<OtherModel>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Searches {
    num_requests: Count,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct OtherModel {
    input_tokens: Count,
    output_tokens: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct InputDetails {
    pub(super) text_tokens: Option<Count>,
    pub(super) audio_tokens: Option<Count>,
    pub(super) image_tokens: Option<Count>,
    cached_tokens: Option<Count>,
    cached_tokens_details: Member<CachedDetails>,
    cache_write_tokens: Count,
    cache_write_tokens_details: Member<WriteDetails>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CachedDetails {
    text_tokens: Count,
    audio_tokens: Count,
    image_tokens: Count,
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
    text_tokens: Option<Count>,
    audio_tokens: Option<Count>,
    image_tokens: Option<Count>,
}

/// Tokens in by modality.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Parts {
    pub(super) text: u64,
    pub(super) image: u64,
    pub(super) audio: u64,
}

impl Parts {
    fn total(self) -> u64 {
        self.text + self.image + self.audio
    }

    /// Takes so many out, from text first; what is not there is not taken.
    fn take(&mut self, mut tokens: u64) -> Parts {
        let mut taken = Parts::default();
        for (from, to) in [
            (&mut self.text, &mut taken.text),
            (&mut self.image, &mut taken.image),
            (&mut self.audio, &mut taken.audio),
        ] {
            *to = tokens.min(*from);
            *from -= *to;
            tokens -= *to;
        }
        taken
    }

    /// Takes these out, if all of them are there.
    fn take_parts(&mut self, parts: Parts) -> Option<Parts> {
        *self = Parts {
            text: self.text.checked_sub(parts.text)?,
            image: self.image.checked_sub(parts.image)?,
            audio: self.audio.checked_sub(parts.audio)?,
        };
        Some(parts)
    }
}

impl RawUsage {
    /// The disjoint classes; `None` where the object has no counts at all. `kind` says of what modality tokens are whose modality is
    /// not told; without it that is guessed from the shape.
    pub(crate) fn usage(self, kind: Option<BodyKind>) -> Option<Usage> {
        let mut usage = Usage::default();
        let input = self.prompt_tokens.or(self.input_tokens);
        // Beside tokens, a length is only told; alone it is what is billed.
        let by_time = input.is_none() || self.r#type.0.as_deref() == Some("duration");
        if let Some(seconds) = self.seconds.filter(|_| by_time) {
            usage.audio_ms = seconds.milliseconds();
        } else {
            input?;
        }
        let output = self.completion_tokens.or(self.output_tokens);
        let mut input_details = self
            .prompt_tokens_details
            .0
            .or(self.input_tokens_details.0)
            .or(self.input_token_details.0)
            .unwrap_or_default();
        input_details
            .cached_tokens
            .get_or_insert(self.prompt_cache_hit_tokens);
        let output_details = self
            .completion_tokens_details
            .0
            .or(self.output_tokens_details.0)
            .or(self.output_token_details.0);
        let untold = kind.map_or_else(
            || Untold::guessed(self.prompt_tokens, &input_details, output_details.is_some()),
            Untold::of,
        );
        let output_details = output_details.unwrap_or_default();
        let output_told = output_details.tells_modality();
        usage.take_input(input.unwrap_or_default().0, input_details, untold.input);
        usage.take_output(output.unwrap_or_default().0, output_details);
        usage.take_rest(self.total_tokens.unwrap_or_default().0);
        if !output_told {
            untold.output.move_output(&mut usage);
        }
        if let Some(svg) = self.svg_usage.0.filter(|svg| svg.worked()) {
            usage.input += svg.input_tokens.0;
            usage.output += svg.output_tokens.0;
            usage.flaw = Some(ANOTHER_MODEL);
        }
        Some(usage)
    }
}

impl InputDetails {
    fn tells_modality(&self) -> bool {
        [self.text_tokens, self.image_tokens, self.audio_tokens] != [None; 3]
    }
}

impl OutputDetails {
    fn tells_modality(&self) -> bool {
        [self.text_tokens, self.image_tokens, self.audio_tokens] != [None; 3]
    }
}

impl OtherModel {
    fn worked(&self) -> bool {
        self.input_tokens.0 + self.output_tokens.0 > 0
    }
}

impl RawToolUsage {
    /// Adds what the tools used to the usage of the answer.
    pub(crate) fn add_to(self, usage: &mut Usage) {
        if let Some(searches) = self.web_search.0 {
            usage.web_searches = searches.num_requests.0;
        }
        if let Some(images) = self.image_gen.0.filter(OtherModel::worked) {
            usage.image_input += images.input_tokens.0;
            usage.image_output += images.output_tokens.0;
            usage.flaw = Some(ANOTHER_MODEL);
        }
    }
}

impl Usage {
    fn take_input(&mut self, input: u64, details: InputDetails, untold: Modality) {
        let mut parts = if details.tells_modality() {
            self.modalities(input, &details)
        } else {
            untold.parts(input)
        };
        self.take_writes(
            details.cache_write_tokens.0,
            details.cache_write_tokens_details.0,
        );
        let cached = details.cached_tokens.unwrap_or_default().0;
        let written = self.cache_write_30m + self.cache_write_12h;
        if cached + written > input {
            self.flaw = Some(CACHE_EXCEEDS_INPUT);
            self.cached_input = cached;
        } else {
            let cached = self.take_cached(&mut parts, cached, details.cached_tokens_details.0);
            self.cached_input = cached.text;
            self.cached_image_input = cached.image;
            self.cached_audio_input = cached.audio;
            parts.take(written);
        }
        self.input = parts.text;
        self.image_input = parts.image;
        self.audio_input = parts.audio;
    }

    /// The input by modality; what is of none is text.
    fn modalities(&mut self, input: u64, details: &InputDetails) -> Parts {
        let image = details.image_tokens.unwrap_or_default().0;
        let audio = details.audio_tokens.unwrap_or_default().0;
        let Some(rest) = input.checked_sub(image + audio) else {
            self.flaw = Some(INPUT_PARTS_DIFFER);
            let text = input;
            return Parts { text, image, audio };
        };
        // Zero is what servers write that do not count text apart.
        let told = details.text_tokens.unwrap_or_default().0;
        if told != 0 && told != rest {
            self.flaw = Some(INPUT_PARTS_DIFFER);
        }
        let text = rest.max(told);
        Parts { text, image, audio }
    }

    fn take_cached(
        &mut self,
        parts: &mut Parts,
        cached: u64,
        details: Option<CachedDetails>,
    ) -> Parts {
        let Some(details) = details else {
            return parts.take(cached);
        };
        let told = Parts {
            text: details.text_tokens.0,
            image: details.image_tokens.0,
            audio: details.audio_tokens.0,
        };
        let taken = Some(told)
            .filter(|told| told.total() == cached)
            .and_then(|told| parts.take_parts(told));
        taken.unwrap_or_else(|| {
            self.flaw = Some(CACHED_PARTS_DIFFER);
            parts.take(cached.min(told.total()))
        })
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
        self.audio_output = details.audio_tokens.unwrap_or_default().0;
        self.image_output = details.image_tokens.unwrap_or_default().0;
        let other = self.audio_output + self.image_output;
        if self.reasoning > output {
            self.flaw = Some(REASONING_EXCEEDS_OUTPUT);
        } else if self.reasoning + other > output {
            self.flaw = Some(OUTPUT_PARTS_EXCEED);
        }
        self.output = output.checked_sub(self.reasoning + other).unwrap_or(output);
    }

    fn take_rest(&mut self, total: u64) {
        let counted = self.input_total() + self.output_total();
        if total > counted {
            self.flaw = Some(TOTAL_EXCEEDS_PARTS);
            self.output += total - counted;
        }
    }
}
