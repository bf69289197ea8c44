//! The fields of chat completions and of legacy completions.
//!
//! Invariants: none of its own.
//! Does not know: how a bound is worked out.
//! Source: OpenAI API, create chat completion, create completion.

use super::{Field, bounded, free, refused};

const TEXT: &str = "its bytes bound its tokens";
const OUTPUT: &str = "bounds the output of each choice; set where it is missing and a budget binds";

pub(super) const CHAT: &[Field] = &[
    bounded("model", "must be permitted to the key and have a price"),
    bounded(
        "messages",
        "bytes of text, published maximums of images, the model's longest input for audio and files; ids of files must be the caller's",
    ),
    bounded("n", "multiplies the output; from 1 to 128"),
    bounded("max_tokens", OUTPUT),
    bounded("max_completion_tokens", OUTPUT),
    bounded("stream", "decides how the answer is metered"),
    bounded(
        "stream_options",
        "usage is always asked for, and hidden from a caller who did not ask",
    ),
    bounded("user", "the end user, by setting"),
    bounded("safety_identifier", "the end user, by setting"),
    bounded(
        "service_tier",
        "the dearest tier that may serve is held; `default` is written where it is missing",
    ),
    bounded("modalities", "spoken output is priced as audio"),
    bounded("audio", "spoken output is priced as audio"),
    bounded("prediction", "its bytes are added to the output"),
    bounded(
        "tools",
        "functions and custom tools by their bytes; others are refused",
    ),
    bounded("functions", TEXT),
    bounded("response_format", TEXT),
    bounded("store", "the answer is kept at the upstream with its owner"),
    bounded("prompt_cache_retention", "the dearest cache write is held"),
    bounded("prompt_cache_options", "the dearest cache write is held"),
    refused(
        "web_search_options",
        "searches in a chat have no price here: use the web_search tool of /v1/responses",
    ),
    refused("best_of", "it is no field of chats: use n"),
    refused("input", "it belongs to /v1/responses: use messages"),
    refused(
        "prompt",
        "it belongs to /v1/completions or /v1/responses: use messages",
    ),
    refused("previous_response_id", "it belongs to /v1/responses"),
    refused("conversation", "it belongs to /v1/responses"),
    refused("max_tool_calls", "it belongs to /v1/responses"),
    free("metadata"),
    free("frequency_penalty"),
    free("presence_penalty"),
    free("function_call"),
    free("logit_bias"),
    free("logprobs"),
    free("top_logprobs"),
    free("parallel_tool_calls"),
    free("prompt_cache_key"),
    free("reasoning_effort"),
    free("seed"),
    free("stop"),
    free("temperature"),
    free("tool_choice"),
    free("top_p"),
    free("verbosity"),
    free("moderation"),
];

pub(super) const COMPLETIONS: &[Field] = &[
    bounded("model", "must be permitted to the key and have a price"),
    bounded(
        "prompt",
        "its bytes bound its tokens; each prompt of a list has its own output",
    ),
    bounded("suffix", TEXT),
    bounded("n", "multiplies the output; from 1 to 128"),
    bounded("best_of", "multiplies the output; from 1 to 128"),
    bounded("max_tokens", OUTPUT),
    bounded("stream", "decides how the answer is metered"),
    bounded(
        "stream_options",
        "usage is always asked for, and hidden from a caller who did not ask",
    ),
    bounded("user", "the end user, by setting"),
    bounded("safety_identifier", "the end user, by setting"),
    free("echo"),
    free("frequency_penalty"),
    free("presence_penalty"),
    free("logit_bias"),
    free("logprobs"),
    free("seed"),
    free("stop"),
    free("temperature"),
    free("top_p"),
    free("prompt_cache_key"),
];
