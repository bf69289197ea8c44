//! Decides whether a question calls for a tool, and with which arguments.
//!
//! Invariants: calls only a tool that was offered; answers a tool's result with text unless a call is demanded.
//! Does not know: what tools do.
//! Source: OpenAI API reference, `tools` and `tool_choice`.

use serde_json::Value;

use crate::hash::letters;
use crate::words::{shared, topics};

use super::ask::{Ask, Tool, ToolChoice};
use super::schema;

/// Words of a tool's description that a question must share when it shares none of its name.
const DESCRIPTION_WORDS_MIN: usize = 2;

pub(crate) struct ToolCall {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: Value,
    pub(crate) finish_reason: &'static str,
}

pub(crate) fn choose(ask: &Ask<'_>, seed: u64) -> Option<ToolCall> {
    let question = ask.question();
    let by_words = || ask.tools.iter().max_by_key(|tool| fitness(tool, question));
    let (tool, finish_reason) = match ask.tool_choice {
        ToolChoice::Never => return None,
        // A call that was demanded by name ends like text; the API does so too.
        ToolChoice::Named(name) => (ask.tools.iter().find(|tool| tool.name == name)?, "stop"),
        ToolChoice::Required => (by_words()?, "tool_calls"),
        ToolChoice::Auto => {
            let asked_last = ask
                .messages
                .last()
                .is_some_and(|message| message.role == "user");
            (
                by_words().filter(|tool| asked_last && fitness(tool, question) > 0)?,
                "tool_calls",
            )
        }
    };
    let arguments = schema::fill(tool.parameters, "", question);
    Some(ToolCall {
        id: format!("call_{}", letters(!seed, 24)),
        name: tool.name.to_owned(),
        arguments,
        finish_reason,
    })
}

/// Zero if the question does not call for the tool. A word of the name says more than one of the description.
fn fitness(tool: &Tool<'_>, question: &str) -> usize {
    let question = topics(question);
    let named = shared(&question, &topics(&tool.name.replace('_', " ")));
    let described = shared(&question, &topics(tool.description));
    if named == 0 && described < DESCRIPTION_WORDS_MIN {
        0
    } else {
        10 * named + described
    }
}
