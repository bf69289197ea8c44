//! Lies that no single field tells: sums, orders, shapes of errors.
//!
//! Invariants: every twist has one name in JSON.
//! Does not know: how an answer is twisted.

/// A lie about more than one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twist {
    /// All counts of `usage` are 0.
    UsageZero,
    /// All counts of `usage` are below 0.
    UsageNegative,
    /// `total_tokens` is not the sum of its parts.
    UsageTotalWrong,
    /// More tokens are said to be cached than the prompt has.
    UsageCachedAbovePrompt,
    /// Every chunk of a stream has an `id` of its own.
    IdsDiffer,
    /// Every chunk of a stream was `created` a second later.
    CreatedDiffers,
    /// The `index` of choices counts from 1.
    IndexFromOne,
    /// `data` comes in the opposite order, each with its own `index`.
    DataReversed,
    /// The usage of a stream comes before the last finish reason.
    UsageBeforeFinish,
    /// No chunk says the role.
    RoleMissing,
    /// The chunk that says the role comes last.
    RoleLast,
    /// The finish reason is said twice.
    FinishTwice,
    /// The finish reason is never said.
    FinishMissing,
    /// A piece of content comes once more, after the finish reason.
    ContentAfterFinish,
    /// No `[DONE]`.
    DoneMissing,
    /// `[DONE]` comes twice.
    DoneTwice,
    /// A chunk comes after `[DONE]`.
    DoneNotLast,
    /// The empty line between the first two events is missing.
    EventsRunTogether,
    /// A vector lacks its last number, in either form.
    VectorShort,
    /// A vector in base64 lacks its last byte.
    VectorBytesOdd,
    /// An error is `{"error": "text"}`.
    ErrorText,
    /// An error is `{"detail": "text"}`.
    ErrorDetail,
    /// The code of an error is its status, a number.
    ErrorCodeNumber,
    /// An error has no `type`.
    ErrorTypeMissing,
    /// An error is a page of HTML.
    ErrorHtml,
    /// The numbers of a response's events leave one out.
    SequenceSkips,
    /// One event of a response has another name than its type.
    EventNameWrong,
    /// The events of a response have no names.
    EventNameMissing,
    /// No event says that a response was created.
    BeginMissing,
    /// No event ends a response.
    EndMissing,
    /// Two events end a response.
    EndTwice,
    /// A delta comes once more, after its text was done.
    DeltaAfterDone,
    /// A delta comes before its item was added.
    DeltaEarly,
    /// No event says that an item is done.
    ItemDoneMissing,
    /// What is done is not what its deltas said.
    DoneDiffers,
    /// `[DONE]` ends a stream that has none.
    DoneAdded,
    /// The event that creates a response tells its usage already.
    UsageEarly,
}

const NAMES: [(&str, Twist); 37] = [
    ("usage_zero", Twist::UsageZero),
    ("usage_negative", Twist::UsageNegative),
    ("usage_total_wrong", Twist::UsageTotalWrong),
    ("usage_cached_above_prompt", Twist::UsageCachedAbovePrompt),
    ("ids_differ", Twist::IdsDiffer),
    ("created_differs", Twist::CreatedDiffers),
    ("index_from_one", Twist::IndexFromOne),
    ("data_reversed", Twist::DataReversed),
    ("usage_before_finish", Twist::UsageBeforeFinish),
    ("role_missing", Twist::RoleMissing),
    ("role_last", Twist::RoleLast),
    ("finish_twice", Twist::FinishTwice),
    ("finish_missing", Twist::FinishMissing),
    ("content_after_finish", Twist::ContentAfterFinish),
    ("done_missing", Twist::DoneMissing),
    ("done_twice", Twist::DoneTwice),
    ("done_not_last", Twist::DoneNotLast),
    ("events_run_together", Twist::EventsRunTogether),
    ("vector_short", Twist::VectorShort),
    ("vector_bytes_odd", Twist::VectorBytesOdd),
    ("error_text", Twist::ErrorText),
    ("error_detail", Twist::ErrorDetail),
    ("error_code_number", Twist::ErrorCodeNumber),
    ("error_type_missing", Twist::ErrorTypeMissing),
    ("error_html", Twist::ErrorHtml),
    ("sequence_skips", Twist::SequenceSkips),
    ("event_name_wrong", Twist::EventNameWrong),
    ("event_name_missing", Twist::EventNameMissing),
    ("begin_missing", Twist::BeginMissing),
    ("end_missing", Twist::EndMissing),
    ("end_twice", Twist::EndTwice),
    ("delta_after_done", Twist::DeltaAfterDone),
    ("delta_early", Twist::DeltaEarly),
    ("item_done_missing", Twist::ItemDoneMissing),
    ("done_differs", Twist::DoneDiffers),
    ("done_added", Twist::DoneAdded),
    ("usage_early", Twist::UsageEarly),
];

impl Twist {
    /// The twist with that name in JSON.
    pub fn named(name: &str) -> Option<Self> {
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, twist)| *twist)
    }

    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(_, twist)| *twist == self)
            .map_or("", |(name, _)| name)
    }
}
