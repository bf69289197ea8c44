//! Reads a chat request.
//!
//! Invariants: what is read fits the model's limits; what the model refuses is refused with OpenAI's words.
//! Does not know: how an answer is made.
//! Source: OpenAI API reference, "Create chat completion"; parameters that the newest models refuse.

use serde_json::Value;

use crate::catalogue::{Kind, Model};
use crate::refusal::Refusal;
use crate::{fields, tokens};

const CHOICES_MAX: u64 = 128;
const STOPS_MAX: usize = 4;
const TOP_LOGPROBS_MAX: u64 = 20;
const ROLES: [&str; 6] = [
    "developer",
    "system",
    "user",
    "assistant",
    "tool",
    "function",
];
/// What the chat format adds to each message, and to a request.
pub(crate) const MESSAGE_TOKENS: u64 = 4;
pub(crate) const REQUEST_TOKENS: u64 = 3;
/// An image at low detail.
pub(crate) const IMAGE_TOKENS: u64 = 85;

pub(crate) struct Ask<'a> {
    pub(crate) name: &'a str,
    pub(crate) model: &'static Model,
    pub(crate) messages: Vec<Message<'a>>,
    pub(crate) input_tokens: u64,
    pub(crate) choices: u64,
    pub(crate) stops: Vec<&'a str>,
    pub(crate) output_tokens_max: Option<u64>,
    /// How many alternatives each token lists.
    pub(crate) logprobs: Option<u64>,
    pub(crate) tools: Vec<Tool<'a>>,
    pub(crate) tool_choice: ToolChoice<'a>,
    pub(crate) format: Format<'a>,
    pub(crate) seed: u64,
    /// Spent before anything is said; part of the output.
    pub(crate) reasoning_tokens: u64,
    pub(crate) service_tier: &'a str,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    pub(crate) include_obfuscation: bool,
}

pub(crate) struct Message<'a> {
    pub(crate) role: &'a str,
    pub(crate) text: String,
}

pub(crate) struct Tool<'a> {
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    pub(crate) parameters: &'a Value,
}

pub(crate) enum ToolChoice<'a> {
    Auto,
    Never,
    Required,
    Named(&'a str),
}

pub(crate) enum Format<'a> {
    Text,
    Object,
    Schema(&'a Value),
}

impl<'a> Ask<'a> {
    pub(crate) fn read(body: &'a Value) -> Result<Self, Refusal> {
        let (name, model) = fields::model(body)?;
        let Kind::Chat {
            context_tokens_max,
            output_tokens_max,
            strict,
        } = model.kind
        else {
            return Err(Refusal::not_for(name, "v1/chat/completions"));
        };
        if strict {
            refuse_old_parameters(body)?;
        }
        let (messages, mut input_tokens) = messages(body)?;
        let tools = fields::array(body, "tools")?;
        input_tokens += tools
            .iter()
            .map(|tool| tokens::count(&tool.to_string()))
            .sum::<u64>();
        if input_tokens > context_tokens_max {
            return Err(Refusal::context_too_long(
                context_tokens_max,
                input_tokens,
                "messages",
            ));
        }
        let stream = fields::truth(body, "stream")?;
        let options = fields::present(body, "stream_options");
        if options.is_some() && !stream {
            let message =
                "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
            return Err(Refusal::invalid(message, Some("stream_options"), None));
        }
        let option = |name: &str, usual: bool| {
            options
                .and_then(|options| options[name].as_bool())
                .unwrap_or(usual)
        };
        let newer = fields::number(body, "max_completion_tokens", output_tokens_max)?;
        let older = fields::number(body, "max_tokens", output_tokens_max)?;
        Ok(Self {
            name,
            model,
            messages,
            input_tokens,
            choices: fields::number(body, "n", CHOICES_MAX)?.unwrap_or(1),
            stops: stops(body)?,
            output_tokens_max: newer.or(older),
            logprobs: logprobs(body)?,
            tools: tools.iter().filter_map(tool).collect(),
            tool_choice: tool_choice(body),
            format: format(body)?,
            reasoning_tokens: 0,
            seed: body["seed"].as_i64().unwrap_or(0).unsigned_abs(),
            service_tier: served_tier(fields::text(body, "service_tier")?),
            stream,
            include_usage: option("include_usage", false),
            include_obfuscation: option("include_obfuscation", true),
        })
    }

    /// The text of the last message that a user wrote.
    pub(crate) fn question(&self) -> &str {
        self.messages
            .iter()
            .rfind(|message| message.role == "user")
            .map_or("", |message| message.text.as_str())
    }
}

fn refuse_old_parameters(body: &Value) -> Result<(), Refusal> {
    if fields::present(body, "max_tokens").is_some() {
        return Err(Refusal::unsupported(
            "max_tokens",
            " Use 'max_completion_tokens' instead.",
        ));
    }
    for parameter in ["logprobs", "top_logprobs"] {
        if fields::present(body, parameter).is_some_and(|value| *value != false) {
            return Err(Refusal::unsupported(parameter, ""));
        }
    }
    for parameter in ["temperature", "top_p"] {
        if fields::present(body, parameter).is_some_and(|value| value.as_f64() != Some(1.0)) {
            return Err(Refusal::unsupported(
                parameter,
                " Only the default (1) value is supported.",
            ));
        }
    }
    Ok(())
}

fn messages(body: &Value) -> Result<(Vec<Message<'_>>, u64), Refusal> {
    let list = fields::present(body, "messages").ok_or_else(|| Refusal::missing("messages"))?;
    let list = list
        .as_array()
        .ok_or_else(|| Refusal::wrong_type("messages", "an array of objects", list))?;
    if list.is_empty() {
        let message = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.";
        return Err(Refusal::invalid(
            message,
            Some("messages"),
            Some("empty_array"),
        ));
    }
    let mut messages = Vec::with_capacity(list.len());
    let mut input_tokens = REQUEST_TOKENS;
    for value in list {
        let role = value["role"].as_str().unwrap_or_default();
        if !ROLES.contains(&role) {
            let message = format!(
                "Invalid value: '{role}'. Supported values of a message's role are: {}.",
                ROLES.join(", ")
            );
            return Err(Refusal::invalid(
                message,
                Some("messages"),
                Some("invalid_value"),
            ));
        }
        let (text, images) = content(&value["content"])?;
        input_tokens += MESSAGE_TOKENS + tokens::count(&text) + images * IMAGE_TOKENS;
        if let Some(calls) = fields::present(value, "tool_calls") {
            input_tokens += tokens::count(&calls.to_string());
        }
        messages.push(Message { role, text });
    }
    Ok((messages, input_tokens))
}

/// The text of a message, and how many images it has.
fn content(value: &Value) -> Result<(String, u64), Refusal> {
    match value {
        Value::Null => Ok((String::new(), 0)),
        Value::String(text) => Ok((text.clone(), 0)),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts
                .iter()
                .filter_map(|part| part["text"].as_str())
                .collect();
            let images = parts
                .iter()
                .filter(|part| part["type"] == "image_url")
                .count();
            Ok((texts.join("\n"), images as u64))
        }
        other => Err(Refusal::wrong_type(
            "messages",
            "a string or an array as content",
            other,
        )),
    }
}

fn stops(body: &Value) -> Result<Vec<&str>, Refusal> {
    let Some(value) = fields::present(body, "stop") else {
        return Ok(Vec::new());
    };
    let wrong = || Refusal::wrong_type("stop", "a string or an array of at most 4 strings", value);
    let stops = match value {
        Value::String(stop) => vec![stop.as_str()],
        Value::Array(list) if list.len() <= STOPS_MAX => list
            .iter()
            .map(|stop| stop.as_str().ok_or_else(wrong))
            .collect::<Result<_, _>>()?,
        _ => return Err(wrong()),
    };
    Ok(stops.into_iter().filter(|stop| !stop.is_empty()).collect())
}

fn logprobs(body: &Value) -> Result<Option<u64>, Refusal> {
    let alternatives = body["top_logprobs"].as_u64();
    match (fields::truth(body, "logprobs")?, alternatives) {
        (false, Some(_)) => {
            let message =
                "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.";
            Err(Refusal::invalid(message, Some("top_logprobs"), None))
        }
        (true, alternatives) => Ok(Some(alternatives.unwrap_or(0).min(TOP_LOGPROBS_MAX))),
        (false, None) => Ok(None),
    }
}

fn tool(value: &Value) -> Option<Tool<'_>> {
    let function = &value["function"];
    let description = function["description"].as_str().unwrap_or_default();
    Some(Tool {
        name: function["name"].as_str()?,
        description,
        parameters: &function["parameters"],
    })
}

fn tool_choice(body: &Value) -> ToolChoice<'_> {
    let choice = &body["tool_choice"];
    match (choice.as_str(), choice["function"]["name"].as_str()) {
        (Some("none"), _) => ToolChoice::Never,
        (Some("required"), _) => ToolChoice::Required,
        (_, Some(name)) => ToolChoice::Named(name),
        _ => ToolChoice::Auto,
    }
}

fn format(body: &Value) -> Result<Format<'_>, Refusal> {
    let Some(value) = fields::present(body, "response_format") else {
        return Ok(Format::Text);
    };
    match value["type"].as_str() {
        Some("text") => Ok(Format::Text),
        Some("json_object") => Ok(Format::Object),
        Some("json_schema") if value["json_schema"]["schema"].is_object() => {
            Ok(Format::Schema(&value["json_schema"]["schema"]))
        }
        Some("json_schema") => Err(Refusal::missing("response_format.json_schema.schema")),
        _ => Err(Refusal::wrong_type(
            "response_format",
            "an object with a known type",
            value,
        )),
    }
}

/// The tier that serves is not always the word that was asked for.
pub(crate) fn served_tier(asked: Option<&str>) -> &str {
    match asked {
        None | Some("auto" | "default") => "default",
        Some("fast") => "priority",
        Some(tier) => tier,
    }
}
