//! Rules about the order of a stream's events, in words that a person can read.
//!
//! Invariants: a stream in which the upstream reports an error is held only to what an error can't excuse.
//! Does not know: shapes, wording.
//! Source: OpenAI API reference, streaming of chat completions and of responses, `stream_options.include_usage`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::difference::Difference;
use crate::events::{Event, EventData};
use crate::exchange::{Exchange, Payload};

mod typed;

const DONE: &str = "[DONE]";

/// A rule of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Every event is JSON or `[DONE]`, and has no name.
    PlainEvents,
    /// The first delta of a choice, and only that, says its role.
    RoleFirst,
    /// Every choice has one finish reason.
    FinishOnce,
    /// After its finish reason a choice says nothing.
    NothingAfterFinish,
    /// Asked for, the usage comes in one chunk without choices, and is null in all others.
    UsageIfAsked,
    /// Not asked for, no chunk has usage.
    UsageOnlyIfAsked,
    /// The usage comes after every choice has finished.
    UsageAfterFinish,
    /// `[DONE]` comes once.
    DoneOnce,
    /// Nothing comes after `[DONE]`.
    DoneLast,
    /// Every event is JSON and is named by its type.
    NamedByType,
    /// Every event is JSON and has no name.
    Unnamed,
    /// The events are numbered from 0.
    Numbered,
    /// A response is created, then in progress, before anything is said.
    CreatedFirst,
    /// Items come one after the other, and what is said of one comes while it is open.
    ItemsInTurn,
    /// The deltas of a part join to its end.
    DeltasJoin,
    /// A response ends once.
    EndsOnce,
    /// Nothing comes after the end.
    NothingAfterEnd,
    /// The usage stands in the event that ends the response, and in no other.
    UsageAtEnd,
    /// The last event, and no other, says that all is done.
    CompletedLast,
}

/// What the rules look at.
struct Stream<'a> {
    events: &'a [Event],
    usage_asked: bool,
    failed: bool,
}

impl Rule {
    /// Every rule, in the order of a file.
    pub const ALL: [Self; 19] = [
        Self::PlainEvents,
        Self::RoleFirst,
        Self::FinishOnce,
        Self::NothingAfterFinish,
        Self::UsageIfAsked,
        Self::UsageOnlyIfAsked,
        Self::UsageAfterFinish,
        Self::DoneOnce,
        Self::DoneLast,
        Self::NamedByType,
        Self::Unnamed,
        Self::Numbered,
        Self::CreatedFirst,
        Self::ItemsInTurn,
        Self::DeltasJoin,
        Self::EndsOnce,
        Self::NothingAfterEnd,
        Self::UsageAtEnd,
        Self::CompletedLast,
    ];

    /// Those of a chat's stream.
    #[cfg(test)]
    pub(crate) const CHATS: [Self; 9] = [
        Self::PlainEvents,
        Self::RoleFirst,
        Self::FinishOnce,
        Self::NothingAfterFinish,
        Self::UsageIfAsked,
        Self::UsageOnlyIfAsked,
        Self::UsageAfterFinish,
        Self::DoneOnce,
        Self::DoneLast,
    ];

    /// Those of a response's stream.
    #[cfg(test)]
    pub(crate) const RESPONSES: [Self; 8] = [
        Self::NamedByType,
        Self::Numbered,
        Self::CreatedFirst,
        Self::ItemsInTurn,
        Self::DeltasJoin,
        Self::EndsOnce,
        Self::NothingAfterEnd,
        Self::UsageAtEnd,
    ];

    /// Its words in a contract file.
    pub fn name(self) -> &'static str {
        match self {
            Self::PlainEvents => "every event is JSON or [DONE], without a name",
            Self::RoleFirst => "the first delta of a choice says its role, no other does",
            Self::FinishOnce => "every choice finishes once",
            Self::NothingAfterFinish => "a choice says nothing after its finish",
            Self::UsageIfAsked => {
                "if asked, usage comes once, without choices, and is null elsewhere"
            }
            Self::UsageOnlyIfAsked => "if not asked, no usage comes",
            Self::UsageAfterFinish => "usage comes after the last finish",
            Self::DoneOnce => "[DONE] comes once",
            Self::DoneLast => "nothing comes after [DONE]",
            Self::NamedByType => "every event is JSON, named by its type",
            Self::Unnamed => "every event is JSON, without a name",
            Self::Numbered => "events are numbered from 0",
            Self::CreatedFirst => {
                "response.created comes first, response.in_progress before any item"
            }
            Self::ItemsInTurn => "items come one after the other, each added, said and done",
            Self::DeltasJoin => "deltas join to what is done, and end with it",
            Self::EndsOnce => "a response ends once",
            Self::NothingAfterEnd => "nothing comes after the end",
            Self::UsageAtEnd => "usage comes with the end, and is null before",
            Self::CompletedLast => "one event says that all is done, the last",
        }
    }

    pub(crate) fn read(words: &str) -> Result<Self, &'static str> {
        Self::ALL
            .into_iter()
            .find(|rule| rule.name() == words)
            .ok_or("the rule is unknown")
    }

    /// The flaw, if the stream breaks this rule.
    fn flaw(self, stream: &Stream<'_>) -> Option<String> {
        match self {
            Self::PlainEvents => stream.plain(),
            Self::RoleFirst => stream.roles(),
            Self::FinishOnce => (!stream.failed).then(|| stream.finishes()).flatten(),
            Self::NothingAfterFinish => stream.late_words(),
            Self::UsageIfAsked => (stream.usage_asked && !stream.failed)
                .then(|| stream.usage_once())
                .flatten(),
            Self::UsageOnlyIfAsked => (!stream.usage_asked && stream.reports() > 0)
                .then(|| format!("{} chunks have it", stream.reports())),
            Self::UsageAfterFinish => stream.early_usage(),
            Self::DoneOnce => (!stream.failed).then(|| stream.done()).flatten(),
            Self::DoneLast => stream.after_done(),
            Self::NamedByType => typed::named(stream.events, true),
            Self::Unnamed => typed::named(stream.events, false),
            Self::Numbered => typed::numbered(stream.events),
            Self::CreatedFirst => typed::begins(stream.events),
            Self::ItemsInTurn => typed::items(stream.events),
            Self::DeltasJoin => typed::deltas(stream.events),
            Self::EndsOnce => typed::ends_once(stream.events),
            Self::NothingAfterEnd => typed::after_end(stream.events),
            Self::UsageAtEnd => typed::usage_at_end(stream.events),
            Self::CompletedLast => typed::done_last(stream.events),
        }
    }
}

/// The rules that a stream breaks; nothing for an answer that is no stream.
pub(crate) fn check(exchange: &Exchange, rules: &[Rule]) -> Vec<Difference> {
    let Payload::Events(events) = &exchange.answer else {
        return Vec::new();
    };
    let failed = events
        .iter()
        .filter_map(Event::json)
        .any(|chunk| chunk.get("error").is_some());
    let stream = Stream {
        events,
        usage_asked: exchange.asked("stream_options")["include_usage"] == true,
        failed,
    };
    let broken = |rule: &Rule| {
        let flaw = rule.flaw(&stream)?;
        Some(Difference::broken(
            rule.name(),
            format!("does not hold: {flaw}"),
        ))
    };
    rules.iter().filter_map(broken).collect()
}

impl Stream<'_> {
    fn chunks(&self) -> impl Iterator<Item = &Value> {
        self.events.iter().filter_map(Event::json)
    }

    /// Each chunk's choices with their index.
    fn choices(&self) -> impl Iterator<Item = (u64, &Value)> {
        self.chunks()
            .flat_map(|chunk| chunk["choices"].as_array().into_iter().flatten())
            .map(|choice| (choice["index"].as_u64().unwrap_or(0), choice))
    }

    fn plain(&self) -> Option<String> {
        let odd = self.events.iter().position(|event| {
            let other = matches!(&event.data, EventData::Text(text) if text != DONE);
            other || event.name.is_some() || event.json().is_some_and(|value| !value.is_object())
        })?;
        Some(format!("event {odd} of {}", self.events.len()))
    }

    fn roles(&self) -> Option<String> {
        let mut begun = BTreeSet::new();
        for (index, choice) in self.choices() {
            let has_role = choice["delta"].get("role").is_some();
            match (begun.insert(index), has_role) {
                (true, false) => return Some(format!("choice {index} begins without a role")),
                (false, true) => return Some(format!("choice {index} says its role again")),
                _ => {}
            }
        }
        None
    }

    fn finishes(&self) -> Option<String> {
        let mut finishes: BTreeMap<u64, usize> = BTreeMap::new();
        for (index, choice) in self.choices() {
            *finishes.entry(index).or_default() += usize::from(is_finish(choice));
        }
        if finishes.is_empty() {
            return Some("there is no choice".to_owned());
        }
        let (index, times) = finishes.iter().find(|(_, times)| **times != 1)?;
        Some(format!("choice {index} finishes {times} times"))
    }

    fn late_words(&self) -> Option<String> {
        let mut finished = BTreeSet::new();
        for (index, choice) in self.choices() {
            if finished.contains(&index) && says_something(choice) {
                return Some(format!("choice {index} goes on"));
            }
            if is_finish(choice) {
                finished.insert(index);
            }
        }
        None
    }

    fn reports(&self) -> usize {
        self.chunks()
            .filter(|chunk| !chunk["usage"].is_null())
            .count()
    }

    fn usage_once(&self) -> Option<String> {
        if self.reports() != 1 {
            return Some(format!("{} chunks report it", self.reports()));
        }
        if self.chunks().any(|chunk| chunk.get("usage").is_none()) {
            return Some("a chunk lacks the field".to_owned());
        }
        let with_choices = self
            .chunks()
            .any(|chunk| !chunk["usage"].is_null() && chunk["choices"] != Value::Array(Vec::new()));
        with_choices.then(|| "the chunk that reports it has choices".to_owned())
    }

    fn early_usage(&self) -> Option<String> {
        let reported = self.chunks().position(|chunk| !chunk["usage"].is_null())?;
        let finish = |chunk: &Value| {
            chunk["choices"]
                .as_array()
                .into_iter()
                .flatten()
                .any(is_finish)
        };
        let finished = self.chunks().skip(reported).any(finish);
        finished
            .then(|| format!("chunk {reported} reports it, and a choice finishes then or later"))
    }

    fn done(&self) -> Option<String> {
        let times = self.events.iter().filter(|event| is_done(event)).count();
        (times != 1).then(|| format!("it comes {times} times"))
    }

    fn after_done(&self) -> Option<String> {
        let done = self.events.iter().position(is_done)?;
        let more = self.events.len() - done - 1;
        (more > 0).then(|| format!("{more} events come"))
    }
}

fn is_done(event: &Event) -> bool {
    matches!(&event.data, EventData::Text(text) if text == DONE)
}

fn is_finish(choice: &Value) -> bool {
    !choice["finish_reason"].is_null()
}

fn says_something(choice: &Value) -> bool {
    let fields = choice["delta"].as_object();
    fields.is_some_and(|fields| {
        fields
            .values()
            .any(|value| !value.is_null() && *value != "")
    })
}

#[cfg(test)]
mod tests;
