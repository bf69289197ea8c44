//! The models that the simulator answers for, with what the API says of each.
//!
//! Invariants: ids and served names are distinct; a request may name either.
//! Does not know: requests, answers.
//! Source: OpenAI's model pages and price list, as known in November 2026.

/// What a model does, with its limits in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `strict`: the newest models, which refuse `max_tokens`, `temperature`, `top_p` and `logprobs`.
    Chat {
        context_tokens_max: u64,
        output_tokens_max: u64,
        strict: bool,
    },
    Embedding {
        dimensions_max: usize,
        shorter: bool,
    },
    /// Completes a prompt, as before there were chats.
    Completion {
        context_tokens_max: u64,
        output_tokens_max: u64,
    },
    Image,
    /// `by_tokens`: else by characters.
    Speech {
        by_tokens: bool,
    },
    /// `by_tokens`: else by seconds.
    Transcription {
        by_tokens: bool,
    },
    Moderation,
}

/// A model of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) id: &'static str,
    /// What an answer calls it.
    pub(crate) served: &'static str,
    /// Unix seconds.
    pub(crate) created: u64,
    pub(crate) owned_by: &'static str,
    pub(crate) kind: Kind,
    /// Pico-USD per token: what `x-keyward-cost-usd` is computed from when that header is asked for.
    pub(crate) input_pico_usd: u64,
    pub(crate) output_pico_usd: u64,
}

/// Tokens of one text in an embeddings request.
pub(crate) const EMBEDDING_INPUT_TOKENS_MAX: u64 = 8192;

const fn chat(
    id: &'static str,
    served: &'static str,
    created: u64,
    context: u64,
    output: u64,
    price: (u64, u64),
) -> Model {
    let kind = Kind::Chat {
        context_tokens_max: context,
        output_tokens_max: output,
        strict: false,
    };
    Model {
        id,
        served,
        created,
        owned_by: "system",
        kind,
        input_pico_usd: price.0,
        output_pico_usd: price.1,
    }
}

const fn strict(id: &'static str, created: u64, price: (u64, u64)) -> Model {
    let kind = Kind::Chat {
        context_tokens_max: 922_000,
        output_tokens_max: 128_000,
        strict: true,
    };
    Model {
        id,
        served: id,
        created,
        owned_by: "system",
        kind,
        input_pico_usd: price.0,
        output_pico_usd: price.1,
    }
}

const fn embedding(
    id: &'static str,
    served: &'static str,
    created: u64,
    dimensions_max: usize,
    shorter: bool,
    price: u64,
) -> Model {
    let kind = Kind::Embedding {
        dimensions_max,
        shorter,
    };
    Model {
        id,
        served,
        created,
        owned_by: "system",
        kind,
        input_pico_usd: price,
        output_pico_usd: 0,
    }
}

const fn other(
    id: &'static str,
    served: &'static str,
    created: u64,
    kind: Kind,
    price: (u64, u64),
) -> Model {
    Model {
        id,
        served,
        created,
        owned_by: "system",
        kind,
        input_pico_usd: price.0,
        output_pico_usd: price.1,
    }
}

const INSTRUCT: Kind = Kind::Completion {
    context_tokens_max: 8_192,
    output_tokens_max: 4_096,
};

/// Every model, in the order of `GET /v1/models`.
pub(crate) const MODELS: &[Model] = &[
    chat(
        "gpt-3.5-turbo",
        "gpt-3.5-turbo-0125",
        1_677_610_602,
        16_385,
        4_096,
        (500_000, 1_500_000),
    ),
    chat(
        "gpt-4o",
        "gpt-4o-2024-08-06",
        1_715_367_049,
        128_000,
        16_384,
        (2_500_000, 10_000_000),
    ),
    chat(
        "gpt-4o-mini",
        "gpt-4o-mini-2024-07-18",
        1_721_172_741,
        128_000,
        16_384,
        (150_000, 600_000),
    ),
    chat(
        "gpt-4.1",
        "gpt-4.1-2025-04-14",
        1_744_316_542,
        1_047_576,
        32_768,
        (2_000_000, 8_000_000),
    ),
    chat(
        "gpt-4.1-mini",
        "gpt-4.1-mini-2025-04-14",
        1_744_318_173,
        1_047_576,
        32_768,
        (400_000, 1_600_000),
    ),
    strict("gpt-5.6-luna", 1_779_000_000, (200_000, 1_200_000)),
    strict("gpt-5.6-sol", 1_779_000_001, (4_000_000, 20_000_000)),
    strict("gpt-6-luna", 1_788_000_000, (100_000, 500_000)),
    strict("gpt-6-sol", 1_788_000_001, (2_000_000, 10_000_000)),
    strict("gpt-6.1-terra", 1_791_000_000, (1_000_000, 5_000_000)),
    embedding(
        "text-embedding-ada-002",
        "text-embedding-ada-002-v2",
        1_671_217_299,
        1536,
        false,
        100_000,
    ),
    embedding(
        "text-embedding-3-small",
        "text-embedding-3-small",
        1_705_948_997,
        1536,
        true,
        20_000,
    ),
    embedding(
        "text-embedding-3-large",
        "text-embedding-3-large",
        1_705_953_180,
        3072,
        true,
        130_000,
    ),
    other(
        "gpt-3.5-turbo-instruct",
        "gpt-3.5-turbo-instruct:20230824-v2",
        1_692_901_427,
        INSTRUCT,
        (1_500_000, 2_000_000),
    ),
    other(
        "gpt-image-1.5",
        "gpt-image-1.5",
        1_764_030_620,
        Kind::Image,
        (5_000_000, 32_000_000),
    ),
    other(
        "gpt-4o-mini-tts",
        "gpt-4o-mini-tts",
        1_742_403_959,
        Kind::Speech { by_tokens: true },
        (600_000, 12_000_000),
    ),
    other(
        "tts-1",
        "tts-1",
        1_681_940_951,
        Kind::Speech { by_tokens: false },
        (0, 0),
    ),
    other(
        "gpt-4o-mini-transcribe",
        "gpt-4o-mini-transcribe",
        1_742_068_596,
        Kind::Transcription { by_tokens: true },
        (1_250_000, 5_000_000),
    ),
    other(
        "whisper-1",
        "whisper-1",
        1_677_532_384,
        Kind::Transcription { by_tokens: false },
        (0, 0),
    ),
    other(
        "omni-moderation-latest",
        "omni-moderation-latest",
        1_731_689_265,
        Kind::Moderation,
        (0, 0),
    ),
];

/// The model that a request names by its id or by its dated name.
pub(crate) fn find(name: &str) -> Option<&'static Model> {
    MODELS
        .iter()
        .find(|model| model.id == name || model.served == name)
}

#[cfg(test)]
mod tests {
    use super::{MODELS, find};

    #[test]
    fn every_name_finds_its_own_model() {
        for model in MODELS {
            assert_eq!(find(model.id), Some(model));
            assert_eq!(find(model.served), Some(model));
        }
        assert_eq!(find("gpt-0"), None);
    }
}
