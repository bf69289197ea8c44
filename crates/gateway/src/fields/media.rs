//! The fields of embeddings, images and speech.
//!
//! Invariants: none of its own.
//! Does not know: how a bound is worked out.
//! Source: OpenAI API, create embeddings, create image, create speech.

use super::{Field, bounded, free, refused};

pub(super) const EMBEDDINGS: &[Field] = &[
    bounded("model", "must be permitted to the key and have a price"),
    bounded("input", "its bytes bound its tokens"),
    bounded("user", "the end user, by setting"),
    bounded("safety_identifier", "the end user, by setting"),
    free("dimensions"),
    free("encoding_format"),
];

pub(super) const IMAGES: &[Field] = &[
    bounded(
        "model",
        "must be permitted to the key, be named, and have a price",
    ),
    bounded("prompt", "its bytes bound its tokens"),
    bounded("n", "multiplies the images; from 1 to 10"),
    bounded("size", "bounds the tokens of an image"),
    bounded("quality", "bounds the tokens of an image"),
    bounded("partial_images", "each is added to the output"),
    bounded("stream", "decides how the answer is metered"),
    bounded("user", "the end user, by setting"),
    bounded("safety_identifier", "the end user, by setting"),
    refused("service_tier", "images have one tier"),
    free("background"),
    free("moderation"),
    free("output_compression"),
    free("output_format"),
    free("response_format"),
];

pub(super) const SPEECH: &[Field] = &[
    bounded("model", "must be permitted to the key and have a price"),
    bounded("input", "its characters are billed, or bound the sound"),
    bounded("instructions", "its bytes bound its tokens"),
    bounded("speed", "slow speech is longer"),
    bounded("stream_format", "events report usage, sound does not"),
    free("voice"),
    free("response_format"),
    bounded("user", "the end user, by setting"),
];
