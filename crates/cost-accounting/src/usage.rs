//! What one attempt used, in classes that do not overlap.
//!
//! Invariants: each billed token is in exactly one class, so that no class can be charged twice.
//! Does not know: wire formats, which count cached tokens inside the input; whoever reads a body splits them.
//! Source: OpenAI usage object: `prompt_tokens_details`, `completion_tokens_details`, `input_token_details`.

mod stored;

pub(crate) use stored::Columns;

/// Tokens by billing class, and what is billed by other meters.
///
/// Shape: the classes are disjoint. Where an upstream says 100 prompt tokens of which 60 are cached, `input` is 40 and
/// `cached_input` is 60; where 30 of the 40 are audio, `input` is 10 and `audio_input` is 30.
/// Units: tokens, unless a name says otherwise. Classes without a word for it are text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Usage {
    /// Input tokens that were neither read from nor written to the upstream's prompt cache.
    pub input: u64,
    /// Input tokens read from the upstream's prompt cache.
    pub cached_input: u64,
    /// Input tokens of any modality written to the prompt cache with a life of 30 minutes.
    pub cache_write_30m: u64,
    /// Input tokens of any modality written to the prompt cache with a life of 12 hours.
    pub cache_write_12h: u64,
    /// Output tokens, reasoning not among them.
    pub output: u64,
    /// Reasoning tokens, billed as output.
    pub reasoning: u64,
    /// Audio in, not read from the prompt cache.
    pub audio_input: u64,
    /// Audio in, read from the prompt cache.
    pub cached_audio_input: u64,
    /// Audio out.
    pub audio_output: u64,
    /// Images in, not read from the prompt cache.
    pub image_input: u64,
    /// Images in, read from the prompt cache.
    pub cached_image_input: u64,
    /// Images out.
    pub image_output: u64,
    /// Audio that is billed by its length, in milliseconds.
    pub audio_ms: u64,
    /// Characters of text that is read aloud.
    pub characters: u64,
    /// Images that are billed by the piece.
    pub images: u64,
    /// Web searches, each with a fee.
    pub web_searches: u64,
    /// File searches, each with a fee.
    pub file_searches: u64,
    /// Containers of the code interpreter, each with a fee.
    pub containers: u64,
}

impl Usage {
    /// Input tokens of all classes: what the long-context threshold and a report count.
    #[must_use]
    pub fn input_tokens(&self) -> u128 {
        [
            self.input,
            self.cached_input,
            self.cache_write_30m,
            self.cache_write_12h,
            self.audio_input,
            self.cached_audio_input,
            self.image_input,
            self.cached_image_input,
        ]
        .into_iter()
        .map(u128::from)
        .sum()
    }

    /// Output tokens of all classes, reasoning among them.
    #[must_use]
    pub fn output_tokens(&self) -> u128 {
        [
            self.output,
            self.reasoning,
            self.audio_output,
            self.image_output,
        ]
        .into_iter()
        .map(u128::from)
        .sum()
    }

    /// Units of every meter beside tokens, in the order of [`Meter::ALL`](crate::price_meters::Meter::ALL).
    pub(crate) fn metered(&self) -> [u64; 6] {
        [
            self.audio_ms,
            self.characters,
            self.images,
            self.web_searches,
            self.file_searches,
            self.containers,
        ]
    }
}
