//! Reads the request of a response.
//!
//! Invariants: what is read fits the model's limits; what the API refuses is refused with its words.
//! Does not know: how an answer is made.
//! Source: OpenAI API reference, "Create a model response"; the types of openai 3.54.0 (Python).

use serde_json::Value;

use super::input;
use crate::catalogue::Kind;
use crate::chat::{self, Format, Message, Tool, ToolChoice};
use crate::plan::Setting;
use crate::refusal::Refusal;
use crate::{fields, tokens};

/// Less is refused.
const OUTPUT_TOKENS_MIN: u64 = 16;
const TOP_LOGPROBS_MAX: u64 = 20;
/// What the API calls by another name here.
const MOVED: [(&str, &str); 4] = [
    ("messages", "input"),
    ("max_tokens", "max_output_tokens"),
    ("max_completion_tokens", "max_output_tokens"),
    ("response_format", "text.format"),
];

pub(super) struct Ask<'a> {
    pub(super) body: &'a Value,
    /// The same in the words of a chat.
    pub(super) chat: chat::Ask<'a>,
    /// What was sent, each with an id.
    pub(super) input: Vec<Value>,
    /// What was said before.
    pub(super) earlier: Vec<Value>,
    pub(super) conversation: Option<String>,
    pub(super) store: bool,
    pub(super) background: bool,
    /// Whether the reasoning is told in short.
    pub(super) summary: bool,
}

impl<'a> Ask<'a> {
    pub(super) fn read(body: &'a Value, setting: &Setting<'_>) -> Result<Self, Refusal> {
        let (name, model) = fields::model(body)?;
        let Kind::Chat {
            context_tokens_max,
            output_tokens_max,
            strict,
        } = model.kind
        else {
            return Err(Refusal::not_for(name, "v1/responses"));
        };
        refuse(body, strict)?;
        let input = input::items(body, setting.seed)?;
        let conversation = conversation(body)?;
        let earlier = earlier(body, conversation.as_deref(), setting)?;
        let tools = fields::array(body, "tools")?;
        let (messages, mut input_tokens) = messages(body, &earlier, &input)?;
        input_tokens += tools
            .iter()
            .map(|tool| tokens::count(&tool.to_string()))
            .sum::<u64>();
        if input_tokens > context_tokens_max {
            return Err(Refusal::context_too_long(
                context_tokens_max,
                input_tokens,
                "input",
            ));
        }
        let (store, background) = (stored(body)?, fields::truth(body, "background")?);
        if background && !store {
            let message = "Background mode requires store to be true.";
            return Err(Refusal::invalid(message, Some("background"), None));
        }
        let stream = fields::truth(body, "stream")?;
        let padded = body["stream_options"]["include_obfuscation"].as_bool();
        let chat = chat::Ask {
            name,
            model,
            messages,
            input_tokens,
            choices: 1,
            stops: Vec::new(),
            output_tokens_max: fields::number_from(
                body,
                "max_output_tokens",
                OUTPUT_TOKENS_MIN,
                output_tokens_max,
            )?,
            logprobs: logprobs(body),
            tools: tools.iter().filter_map(tool).collect(),
            tool_choice: tool_choice(body),
            format: format(body)?,
            seed: 0,
            reasoning_tokens: if strict { reasoning_tokens(body) } else { 0 },
            service_tier: chat::served_tier(fields::text(body, "service_tier")?),
            stream,
            include_usage: false,
            include_obfuscation: padded.unwrap_or(true),
        };
        let summary = fields::present(&body["reasoning"], "summary").is_some();
        Ok(Self {
            body,
            chat,
            input,
            earlier,
            conversation,
            store,
            background,
            summary,
        })
    }

    /// Whether the request asks for more in the answer.
    pub(super) fn includes(&self, wanted: &str) -> bool {
        includes(self.body, wanted)
    }

    /// Whether a tool is offered that the upstream runs itself.
    pub(super) fn has_hosted_tools(&self) -> bool {
        let tools = self.body["tools"].as_array().into_iter().flatten();
        tools
            .filter_map(|tool| tool["type"].as_str())
            .any(|kind| !matches!(kind, "function" | "custom"))
    }
}

fn refuse(body: &Value, strict: bool) -> Result<(), Refusal> {
    for (name, other) in MOVED {
        if fields::present(body, name).is_some() {
            let message = format!(
                "Unsupported parameter: '{name}'. In the Responses API, this parameter has moved to '{other}'."
            );
            return Err(Refusal::invalid(
                message,
                Some(name),
                Some("unsupported_parameter"),
            ));
        }
    }
    for name in ["temperature", "top_p"] {
        let other =
            |value: &Value| value.as_f64() != Some(1.0) && (name != "top_p" || !value.is_null());
        if strict && fields::present(body, name).is_some_and(other) {
            return Err(Refusal::unsupported(name, ""));
        }
    }
    Ok(())
}

fn stored(body: &Value) -> Result<bool, Refusal> {
    match fields::present(body, "store") {
        Some(_) => fields::truth(body, "store"),
        None => Ok(true),
    }
}

fn conversation(body: &Value) -> Result<Option<String>, Refusal> {
    let Some(value) = fields::present(body, "conversation") else {
        return Ok(None);
    };
    let id = value.as_str().or(value["id"].as_str());
    let id = id.ok_or_else(|| Refusal::wrong_type("conversation", "an id", value))?;
    Ok(Some(id.to_owned()))
}

fn earlier(
    body: &Value,
    conversation: Option<&str>,
    setting: &Setting<'_>,
) -> Result<Vec<Value>, Refusal> {
    let previous = fields::text(body, "previous_response_id")?;
    match (previous, conversation) {
        (None, None) => Ok(Vec::new()),
        (Some(_), Some(_)) => {
            let message =
                "Only one of 'previous_response_id' and 'conversation' can be given, not both.";
            Err(Refusal::invalid(
                message,
                Some("conversation"),
                Some("mutually_exclusive_parameters"),
            ))
        }
        (Some(id), None) => {
            let known = setting.objects.responses.get(id);
            known
                .map(|stored| stored.context)
                .ok_or_else(|| Refusal::no_previous(id))
        }
        (None, Some(id)) => {
            let known = setting.objects.conversations.get(id);
            known
                .map(|conversation| conversation.items)
                .ok_or_else(|| Refusal::not_found("Conversation", id))
        }
    }
}

fn messages(
    body: &Value,
    earlier: &[Value],
    input: &[Value],
) -> Result<(Vec<Message<'static>>, u64), Refusal> {
    let mut messages = Vec::new();
    let mut input_tokens = chat::REQUEST_TOKENS;
    if let Some(text) = fields::text(body, "instructions")? {
        input_tokens += chat::MESSAGE_TOKENS + tokens::count(text);
        messages.push(Message {
            role: "developer",
            text: text.to_owned(),
        });
    }
    for item in earlier.iter().chain(input) {
        let (role, text) = input::says(item);
        let images = input::images(item);
        input_tokens += chat::MESSAGE_TOKENS + tokens::count(&text) + images * chat::IMAGE_TOKENS;
        messages.push(Message { role, text });
    }
    Ok((messages, input_tokens))
}

fn includes(body: &Value, wanted: &str) -> bool {
    let asked = body["include"].as_array().into_iter().flatten();
    asked.filter_map(Value::as_str).any(|name| name == wanted)
}

fn logprobs(body: &Value) -> Option<u64> {
    let alternatives = body["top_logprobs"].as_u64();
    let asked = includes(body, "message.output_text.logprobs");
    (asked || alternatives.is_some_and(|count| count > 0))
        .then(|| alternatives.unwrap_or(0).min(TOP_LOGPROBS_MAX))
}

fn tool(value: &Value) -> Option<Tool<'_>> {
    (value["type"] == "function").then_some(())?;
    Some(Tool {
        name: value["name"].as_str()?,
        description: value["description"].as_str().unwrap_or_default(),
        parameters: &value["parameters"],
    })
}

fn tool_choice(body: &Value) -> ToolChoice<'_> {
    let choice = &body["tool_choice"];
    match (choice.as_str(), choice["name"].as_str()) {
        (Some("none"), _) => ToolChoice::Never,
        (Some("required"), _) => ToolChoice::Required,
        (_, Some(name)) => ToolChoice::Named(name),
        _ => ToolChoice::Auto,
    }
}

fn format(body: &Value) -> Result<Format<'_>, Refusal> {
    let format = &body["text"]["format"];
    match format["type"].as_str() {
        None | Some("text") => Ok(Format::Text),
        Some("json_object") => Ok(Format::Object),
        Some("json_schema") if format["schema"].is_object() => {
            Ok(Format::Schema(&format["schema"]))
        }
        Some("json_schema") => Err(Refusal::missing("text.format.schema")),
        _ => Err(Refusal::wrong_type(
            "text.format",
            "an object with a known type",
            format,
        )),
    }
}

/// More effort, more tokens; without a word about it the model does not reason.
fn reasoning_tokens(body: &Value) -> u64 {
    match body["reasoning"]["effort"].as_str() {
        Some("low") => 16,
        Some("medium") => 64,
        Some("high" | "xhigh" | "max") => 256,
        _ => 0,
    }
}
