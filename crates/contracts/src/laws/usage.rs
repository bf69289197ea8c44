//! Laws of usage: parts are within their whole, totals are sums, nothing is below zero.
//!
//! Invariants: each law is named once for an answer.
//! Does not know: prices, models.
//! Source: OpenAI usage object; `prompt_tokens_details`, `completion_tokens_details`; in responses `input_…`, `output_…`.

use serde_json::Value;

use super::Flaws;

/// What is known of the call beside its usage.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Called {
    /// Whether something was said: then tokens were generated.
    pub(super) said_something: bool,
    /// The most tokens that could be generated, over all choices.
    pub(super) output_tokens_max: Option<i64>,
}

pub(super) fn check(usage: &Value, called: Called, flaws: &mut Flaws) {
    if !usage.is_object() {
        return;
    }
    below_zero("usage", usage, flaws);
    let count = |name: &str| usage[name].as_i64();
    // Responses count in other words than chats.
    let (sent, said) = if usage.get("input_tokens").is_some() {
        ("input_tokens", "output_tokens")
    } else {
        ("prompt_tokens", "completion_tokens")
    };
    let (input, output) = (count(sent), count(said));
    if let (Some(input), Some(total)) = (input, count("total_tokens")) {
        let parts = input.saturating_add(output.unwrap_or(0));
        // Without the numbers, so that an accepted drift is known again in the next run.
        let flaw = "is not the sum of its parts";
        flaws.add_if(total != parts, "usage.total_tokens", flaw);
    }
    flaws.add_if(
        input == Some(0),
        &format!("usage.{sent}"),
        "is 0 though something was sent",
    );
    flaws.add_if(
        output == Some(0) && called.said_something,
        &format!("usage.{said}"),
        "is 0 though something was said",
    );
    let too_many = output
        .zip(called.output_tokens_max)
        .is_some_and(|(output, max)| output > max);
    flaws.add_if(
        too_many,
        &format!("usage.{said}"),
        "is more than the request allows",
    );
    parts(usage, sent, &["cached_tokens", "cache_write_tokens"], flaws);
    parts(usage, said, &[], flaws);
}

/// Every detail is a part of its whole, and so are those together that exclude each other.
fn parts(usage: &Value, whole: &str, exclusive: &[&str], flaws: &mut Flaws) {
    let details = &usage[format!("{whole}_details")];
    let Some(all) = usage[whole].as_i64() else {
        return;
    };
    let place = |name: &str| format!("usage.{whole}_details.{name}");
    for (name, part) in details.as_object().into_iter().flatten() {
        if part.as_i64().is_some_and(|part| part > all) {
            flaws.add(place(name), format!("is more than `usage.{whole}`"));
        }
    }
    let together: i64 = exclusive
        .iter()
        .filter_map(|name| details[name].as_i64())
        .fold(0, i64::saturating_add);
    if together > all {
        let flaw = format!("are together more than `usage.{whole}`");
        flaws.add(place(&exclusive.join(", ")), flaw);
    }
}

fn below_zero(path: &str, value: &Value, flaws: &mut Flaws) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if value.as_f64().is_some_and(|number| number < 0.0) {
            flaws.add(&path, "is below zero");
        }
        below_zero(&path, value, flaws);
    }
}
