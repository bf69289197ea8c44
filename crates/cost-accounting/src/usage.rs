//! What one attempt used, in classes that do not overlap.
//!
//! Invariants: each billed token is in exactly one class, so that no class can be charged twice.
//! Does not know: wire formats, which count cached tokens inside the input; whoever reads a body splits them.
//! Source: OpenAI usage object: `prompt_tokens_details`, `completion_tokens_details`.

/// Tokens by billing class.
///
/// Shape: the classes are disjoint. Where an upstream says 100 prompt tokens of which 60 are cached, `input` is 40 and
/// `cached_input` is 60.
/// Units: tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Usage {
    /// Input tokens that were neither read from nor written to the upstream's prompt cache.
    pub input: u64,
    /// Input tokens read from the upstream's prompt cache.
    pub cached_input: u64,
    /// Input tokens written to the prompt cache with a life of 30 minutes.
    pub cache_write_30m: u64,
    /// Input tokens written to the prompt cache with a life of 12 hours.
    pub cache_write_12h: u64,
    /// Output tokens, reasoning not among them.
    pub output: u64,
    /// Reasoning tokens, billed as output.
    pub reasoning: u64,
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
        ]
        .into_iter()
        .map(u128::from)
        .sum()
    }

    /// Output tokens, reasoning among them.
    #[must_use]
    pub fn output_tokens(&self) -> u128 {
        u128::from(self.output) + u128::from(self.reasoning)
    }
}
