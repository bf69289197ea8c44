//! What is not served, each with its reason.
//!
//! Invariants: a path that two rows match stands in the narrower one first.
//! Does not know: how a path is matched or served.
//! Source: OpenAI API reference, November 2026.

use super::row;
use crate::routes::{Leaves, Makes, Meter, Route, Serve};

pub(super) const ROWS: &[Route] = &[
    row(
        (super::ANY, "/batches"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("its cost is known only when it is done, which keyward does not settle yet"),
    ),
    row(
        (super::ANY, "/batches/{rest}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("its cost is known only when it is done, which keyward does not settle yet"),
    ),
    row(
        (super::ANY, "/audio/transcriptions"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused(
            "its cost depends on the length of the sound, which keyward does not bound yet",
        ),
    ),
    row(
        (super::ANY, "/audio/translations"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused(
            "its cost depends on the length of the sound, which keyward does not bound yet",
        ),
    ),
    row(
        (super::ANY, "/audio/voices"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("voices are made for the whole upstream project"),
    ),
    row(
        (super::ANY, "/audio/voices/{rest}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("voices are made for the whole upstream project"),
    ),
    row(
        (super::ANY, "/audio/voice_consents/{rest}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("voices are made for the whole upstream project"),
    ),
    row(
        (super::ANY, "/images/edits"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("forms with images are not bounded yet: use /v1/images/generations"),
    ),
    row(
        (super::ANY, "/images/variations"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("its model has no price any more: use /v1/images/generations"),
    ),
    row(
        (super::ANY, "/responses/compact"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused(
            "compaction runs a model over stored context, at a cost that nothing bounds",
        ),
    ),
    row(
        (super::ANY, "/decisions"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("it has a price of its own that keyward does not know"),
    ),
    row(
        (super::ANY, "/chat/completions/{rest}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused(
            "stored chats are shared by all who use the upstream key: store responses instead",
        ),
    ),
    row(
        (super::ANY, "/realtime/{rest}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused(
            "sessions over WebSocket or WebRTC are not metered, and their client secrets would go around keyward",
        ),
    ),
    row(
        (super::ANY, "/live/{rest}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused(
            "sessions over WebSocket or WebRTC are not metered, and their client secrets would go around keyward",
        ),
    ),
    row(
        (super::ANY, "/containers"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused(
            "containers are shared by all who use the upstream key, and billed by the session",
        ),
    ),
    row(
        (super::ANY, "/containers/{rest}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused(
            "containers are shared by all who use the upstream key, and billed by the session",
        ),
    ),
    row(
        (super::ANY, "/videos"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("video is billed by the second, which keyward does not bound"),
    ),
    row(
        (super::ANY, "/videos/{rest}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("video is billed by the second, which keyward does not bound"),
    ),
    row(
        (super::ANY, "/fine_tuning/{rest}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("training has no bound that a budget could hold"),
    ),
    row(
        (super::ANY, "/evals/{rest}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("evaluations run models at a cost that nothing bounds"),
    ),
    row(
        (super::ANY, "/graders/{rest}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("evaluations run models at a cost that nothing bounds"),
    ),
    row(
        (super::ANY, "/evals"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("evaluations run models at a cost that nothing bounds"),
    ),
    row(
        (super::ANY, "/assistants"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("the Assistants API is gone since August 2026: use /v1/responses"),
    ),
    row(
        (super::ANY, "/assistants/{rest}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("the Assistants API is gone since August 2026: use /v1/responses"),
    ),
    row(
        (super::ANY, "/threads"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("the Assistants API is gone since August 2026: use /v1/responses"),
    ),
    row(
        (super::ANY, "/threads/{rest}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("the Assistants API is gone since August 2026: use /v1/responses"),
    ),
    row(
        (super::ANY, "/skills"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("it acts for the whole upstream project"),
    ),
    row(
        (super::ANY, "/skills/{rest}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("it acts for the whole upstream project"),
    ),
    row(
        (super::ANY, "/agents"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("it acts for the whole upstream project"),
    ),
    row(
        (super::ANY, "/agents/{rest}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("it acts for the whole upstream project"),
    ),
    row(
        (super::ANY, "/vaults"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("it acts for the whole upstream project"),
    ),
    row(
        (super::ANY, "/vaults/{rest}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("it acts for the whole upstream project"),
    ),
    row(
        (super::ANY, "/chatkit"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("it acts for the whole upstream project"),
    ),
    row(
        (super::ANY, "/chatkit/{rest}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("it acts for the whole upstream project"),
    ),
    row(
        (super::ANY, "/organization/{rest}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("administration needs a key of its own, and is not for applications"),
    ),
    row(
        (super::ANY, "/projects/{rest}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("administration needs a key of its own, and is not for applications"),
    ),
    row(
        (super::ANY, "/projects"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Refused("administration needs a key of its own, and is not for applications"),
    ),
];
