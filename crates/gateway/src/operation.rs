//! The metered operations whose request is one JSON object: what each is called, where it goes, how its answers report.
//!
//! Invariants: names are a closed set: permissions, the ledger's endpoint and metric labels.
//! Does not know: bodies, prices.

use openai_client::usage::BodyKind;

/// A metered operation, with its own body and usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `POST /v1/chat/completions`
    Chat,
    /// `POST /v1/completions`
    Completions,
    /// `POST /v1/responses`
    Responses,
    /// `POST /v1/embeddings`
    Embeddings,
    /// `POST /v1/images/generations`
    Images,
    /// `POST /v1/audio/speech`
    Speech,
}

/// What does not vary for an operation.
struct Facts {
    endpoint: &'static str,
    path: &'static str,
    span: &'static str,
    whole: BodyKind,
    event: BodyKind,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Operation; 6] = [
        Operation::Chat,
        Operation::Completions,
        Operation::Responses,
        Operation::Embeddings,
        Operation::Images,
        Operation::Speech,
    ];

    const fn facts(self) -> Facts {
        match self {
            Self::Chat => Facts {
                endpoint: "chat.completions",
                path: "/chat/completions",
                span: "chat",
                whole: BodyKind::Completion,
                event: BodyKind::CompletionChunk,
            },
            Self::Completions => Facts {
                endpoint: "completions",
                path: "/completions",
                span: "text_completion",
                whole: BodyKind::Completion,
                event: BodyKind::CompletionChunk,
            },
            Self::Responses => Facts {
                endpoint: "responses",
                path: "/responses",
                span: "generate_content",
                whole: BodyKind::Response,
                event: BodyKind::ResponseEvent,
            },
            Self::Embeddings => Facts {
                endpoint: "embeddings",
                path: "/embeddings",
                span: "embeddings",
                whole: BodyKind::Embeddings,
                event: BodyKind::Unmetered,
            },
            Self::Images => Facts {
                endpoint: "images.generations",
                path: "/images/generations",
                span: "generate_content",
                whole: BodyKind::Images,
                event: BodyKind::ImagesEvent,
            },
            Self::Speech => Facts {
                endpoint: "audio.speech",
                path: "/audio/speech",
                span: "generate_content",
                whole: BodyKind::Unmetered,
                event: BodyKind::SpeechEvent,
            },
        }
    }

    /// The endpoint's name in permissions, the ledger and metrics.
    #[must_use]
    pub const fn endpoint(self) -> &'static str {
        self.facts().endpoint
    }

    /// The path below the upstream's base URL.
    #[must_use]
    pub const fn path(self) -> &'static str {
        self.facts().path
    }

    /// The operation's name in OpenTelemetry's words.
    pub(crate) const fn span_name(self) -> &'static str {
        self.facts().span
    }

    /// What its whole answers are.
    pub(crate) const fn whole(self) -> BodyKind {
        self.facts().whole
    }

    /// What the events of its streams are.
    pub(crate) const fn event(self) -> BodyKind {
        self.facts().event
    }

    /// Whether its streams are chunks that end in `[DONE]`, which report usage only where that is asked for; else they are typed events.
    pub(crate) const fn streams_chunks(self) -> bool {
        matches!(self, Self::Chat | Self::Completions)
    }

    /// Whether its answers are text that a model writes, of a length that the request may bound.
    pub(crate) const fn writes_text(self) -> bool {
        matches!(self, Self::Chat | Self::Completions | Self::Responses)
    }

    /// Whether its whole answers are no JSON.
    pub(crate) const fn answers_bytes(self) -> bool {
        matches!(self, Self::Speech)
    }
}
