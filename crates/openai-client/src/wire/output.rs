//! What the output items of a response cost beside tokens: the hosted tools that were called.
//!
//! Invariants: items of kinds that are not known pass; a container counts once, however often code ran in it.
//! Does not know: fees.
//! Source: OpenAI API, output items of a response: `web_search_call`, `file_search_call`, `code_interpreter_call`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::lenient::{Lax, Name};

/// Calls of hosted tools, counted from the output items of a response. Each has a fee.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostedCalls {
    /// Web searches; in the usage too, where `tool_usage` tells how many of them were billed.
    pub web_searches: u64,
    /// File searches. They are in no usage.
    pub file_searches: u64,
    /// Containers in which code was run, for a fee a session. They are in no usage.
    pub containers: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Item<'body> {
    #[serde(rename = "type", borrow)]
    kind: Name<'body>,
    #[serde(borrow)]
    container_id: Name<'body>,
    #[serde(borrow)]
    action: Lax<Action<'body>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Action<'body> {
    #[serde(rename = "type", borrow)]
    kind: Name<'body>,
}

impl HostedCalls {
    fn take<'body>(&mut self, item: Item<'body>, containers: &mut BTreeSet<Cow<'body, str>>) {
        match item.kind.0.as_deref() {
            Some("web_search_call") => {
                // To open a page that was found, or to look in it, is no search.
                let action = item.action.0.and_then(|action| action.kind.0);
                let searched = !matches!(action.as_deref(), Some("open_page" | "find_in_page"));
                self.web_searches += u64::from(searched);
            }
            Some("file_search_call") => self.file_searches += 1,
            Some("code_interpreter_call") => {
                let new = item.container_id.0.is_none_or(|id| containers.insert(id));
                self.containers += u64::from(new);
            }
            _ => {}
        }
    }
}

impl<'de> Deserialize<'de> for HostedCalls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HostedCallsVisitor)
    }
}

struct HostedCallsVisitor;

impl<'de> Visitor<'de> for HostedCallsVisitor {
    type Value = HostedCalls;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<HostedCalls, A::Error> {
        let (mut calls, mut containers) = (HostedCalls::default(), BTreeSet::new());
        while let Some(item) = values.next_element::<Lax<Item<'de>>>()? {
            calls.take(item.0.unwrap_or_default(), &mut containers);
        }
        Ok(calls)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<HostedCalls, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(HostedCalls::default())
    }

    fn visit_unit<E: de::Error>(self) -> Result<HostedCalls, E> {
        Ok(HostedCalls::default())
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<HostedCalls, E> {
        Ok(HostedCalls::default())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<HostedCalls, E> {
        Ok(HostedCalls::default())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<HostedCalls, E> {
        Ok(HostedCalls::default())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<HostedCalls, E> {
        Ok(HostedCalls::default())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<HostedCalls, E> {
        Ok(HostedCalls::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(output: &str, web_searches: u64, file_searches: u64, containers: u64) {
        let expected = HostedCalls {
            web_searches,
            file_searches,
            containers,
        };
        assert_eq!(
            serde_json::from_str::<HostedCalls>(output).unwrap(),
            expected,
            "{output}"
        );
    }

    #[test]
    fn calls_of_hosted_tools_are_counted() {
        check("[]", 0, 0, 0);
        check(
            r#"[{"type":"web_search_call","action":{"type":"search"}},{"type":"web_search_call"},
                {"type":"web_search_call","action":{"type":"open_page"}},{"type":"file_search_call"}]"#,
            2,
            1,
            0,
        );
        check(
            r#"[{"type":"code_interpreter_call","container_id":"c_1"},{"container_id":"c_1","type":"code_interpreter_call"},
                {"type":"code_interpreter_call","container_id":"c_2"},{"type":"code_interpreter_call"}]"#,
            0,
            0,
            3,
        );
    }

    #[test]
    fn whatever_else_stands_there_passes() {
        for output in [
            "null",
            "\"text\"",
            "7",
            "-7",
            "0.5",
            "true",
            "{\"type\":\"web_search_call\"}",
            "[1,null,\"x\",[\"web_search_call\"],{\"type\":7},{\"type\":\"message\",\"action\":\"x\"}]",
        ] {
            check(output, 0, 0, 0);
        }
    }
}
