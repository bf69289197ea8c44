//! The fields of responses.
//!
//! Invariants: none of its own.
//! Does not know: how a bound is worked out.
//! Source: OpenAI API, create a model response.

use super::{Field, bounded, free, refused};

pub(super) const RESPONSES: &[Field] = &[
    bounded("model", "must be permitted to the key and have a price"),
    bounded(
        "input",
        "bytes of text, published maximums of images, the model's longest input for audio, files and what is kept; ids must be the caller's",
    ),
    bounded("instructions", "its bytes bound its tokens"),
    bounded(
        "max_output_tokens",
        "bounds the output; set where it is missing and a budget binds",
    ),
    bounded(
        "max_tool_calls",
        "bounds the fees of hosted tools; set where it is missing and one is asked for",
    ),
    bounded(
        "tools",
        "functions and custom tools by their bytes; web_search, file_search and code_interpreter by their fees and max_tool_calls; others are refused; ids must be the caller's",
    ),
    bounded("text", "its bytes bound its tokens"),
    bounded("stream", "decides how the answer is metered"),
    bounded("stream_options", "read only"),
    bounded("user", "the end user, by setting"),
    bounded("safety_identifier", "the end user, by setting"),
    bounded(
        "service_tier",
        "the dearest tier that may serve is held; `default` is written where it is missing",
    ),
    bounded(
        "previous_response_id",
        "must be the caller's; the model's longest input is held",
    ),
    bounded(
        "conversation",
        "must be the caller's; the model's longest input is held",
    ),
    bounded(
        "prompt",
        "a stored prompt: the model's longest input is held",
    ),
    bounded(
        "store",
        "an answer that is kept at the upstream is kept with its owner",
    ),
    bounded(
        "background",
        "charged at its bound: what it used is told only to who polls",
    ),
    bounded("prompt_cache_retention", "the dearest cache write is held"),
    bounded("prompt_cache_options", "the dearest cache write is held"),
    refused("messages", "it belongs to /v1/chat/completions: use input"),
    refused("n", "a response has one choice"),
    refused("best_of", "a response has one choice"),
    refused(
        "max_tokens",
        "it belongs to /v1/chat/completions: use max_output_tokens",
    ),
    refused(
        "max_completion_tokens",
        "it belongs to /v1/chat/completions: use max_output_tokens",
    ),
    refused(
        "modalities",
        "spoken responses are not served: use /v1/chat/completions",
    ),
    refused(
        "audio",
        "spoken responses are not served: use /v1/chat/completions",
    ),
    refused("prediction", "it belongs to /v1/chat/completions"),
    refused(
        "web_search_options",
        "it belongs to /v1/chat/completions: use the web_search tool",
    ),
    refused(
        "context_management",
        "compaction runs the model again, at a cost that nothing bounds",
    ),
    free("include"),
    free("metadata"),
    free("parallel_tool_calls"),
    free("prompt_cache_key"),
    free("reasoning"),
    free("temperature"),
    free("tool_choice"),
    free("top_logprobs"),
    free("top_p"),
    free("truncation"),
];
