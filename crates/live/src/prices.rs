//! What tokens cost: the shipped price list, and a test price for models that are not in it.
//!
//! Invariants: a model without a list price has a price that is not zero, and its classes differ, so that a mix-up shows.
//! Does not know: keyward's price code; it reads the same file with other eyes.

use anyhow::Context;
use serde_json::Value;

use crate::money::Usd;

/// The list that keyward ships.
const LIST: &str = include_str!("../../../config/prices.toml");

/// USD per million tokens, the test price of a model that nobody bills.
const TEST_INPUT: &str = "1.5";
const TEST_CACHED: &str = "0.75";
const TEST_OUTPUT: &str = "6";

/// Where a price is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PriceOrigin {
    /// The shipped list.
    List,
    /// Given on the command line.
    Given,
    /// The test price.
    Test,
}

/// What one token of each class costs.
#[derive(Clone, Debug)]
pub(crate) struct Price {
    pub(crate) model: String,
    pub(crate) origin: PriceOrigin,
    input: Usd,
    cached: Usd,
    /// A cache write; what the list leaves out is priced as keyward's documents say.
    write: Usd,
    output: Usd,
    /// As they are written in a price file.
    texts: [String; 3],
}

impl Price {
    /// The newest list price of a model that is in force on `day`.
    pub(crate) fn of_list(model: &str, day: &str) -> anyhow::Result<Option<Self>> {
        let list: toml::Table = toml::from_str(LIST).context("read the shipped price list")?;
        let rows = list
            .get("price")
            .and_then(toml::Value::as_array)
            .context("rows in the price list")?;
        let text = |row: &toml::Value, name: &str| match row.get(name)? {
            toml::Value::String(text) => Some(text.clone()),
            toml::Value::Datetime(day) => Some(day.to_string()),
            _ => None,
        };
        let mut fitting: Vec<(String, &toml::Value)> = rows
            .iter()
            .filter(|row| text(row, "model").as_deref() == Some(model))
            .filter_map(|row| Some((text(row, "effective_from")?, row)))
            .filter(|(from, _)| from.as_str() <= day)
            .collect();
        fitting.sort_by(|one, other| one.0.cmp(&other.0));
        let Some((_, row)) = fitting.pop() else {
            return Ok(None);
        };
        let rates = row
            .get("usd_per_million_tokens")
            .context("rates of a price")?;
        let rate = |name: &str| rates.get(name).and_then(toml::Value::as_str);
        let (input, output) = (
            rate("input").context("`input` of a price")?,
            rate("output").context("`output` of a price")?,
        );
        let mut price = Self::new(
            model,
            PriceOrigin::List,
            input,
            rate("cached_input").unwrap_or(input),
            output,
        )?;
        let plain = row
            .get("cache_writes_billed")
            .and_then(toml::Value::as_bool)
            == Some(false)
            || text(row, "kind").as_deref() == Some("embedding");
        price.write = match rate("cache_write_30m") {
            Some(write) => token(write)?,
            None if plain => price.input,
            None => Usd::from_pico((price.input.pico() * 5 + 1) / 2),
        };
        Ok(Some(price))
    }

    /// Reads `MODEL=INPUT/OUTPUT`, USD per million tokens.
    pub(crate) fn given(text: &str) -> anyhow::Result<Self> {
        let parts = text
            .rsplit_once('=')
            .and_then(|(model, rates)| Some((model, rates.split_once('/')?)));
        let (model, (input, output)) =
            parts.with_context(|| format!("`{text}` is no price, as in MODEL=0.10/0.50"))?;
        Self::new(model, PriceOrigin::Given, input, input, output)
    }

    /// The test price.
    pub(crate) fn of_test(model: &str) -> anyhow::Result<Self> {
        Self::new(
            model,
            PriceOrigin::Test,
            TEST_INPUT,
            TEST_CACHED,
            TEST_OUTPUT,
        )
    }

    fn new(
        model: &str,
        origin: PriceOrigin,
        input: &str,
        cached: &str,
        output: &str,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            model: model.to_owned(),
            origin,
            input: token(input)?,
            cached: token(cached)?,
            write: token(input)?,
            output: token(output)?,
            texts: [input, cached, output].map(str::to_owned),
        })
    }

    /// What an answer's `usage` object costs. Cached and written tokens are part of `prompt_tokens`.
    pub(crate) fn cost(&self, usage: &Value) -> Usd {
        let tokens = |value: &Value| value.as_u64().unwrap_or(0);
        let (input, output) = (
            tokens(&usage["prompt_tokens"]),
            tokens(&usage["completion_tokens"]),
        );
        let details = &usage["prompt_tokens_details"];
        let (cached, written) = (
            tokens(&details["cached_tokens"]),
            tokens(&details["cache_write_tokens"]),
        );
        let plain = input.saturating_sub(cached).saturating_sub(written);
        self.input * plain + self.cached * cached + self.write * written + self.output * output
    }

    /// The most that so many tokens can cost.
    pub(crate) fn bound(&self, input: u64, output: u64) -> Usd {
        self.input.max(self.write).max(self.cached) * input + self.output * output
    }

    /// The row of a price file that tells keyward this price; nothing where keyward ships it.
    pub(crate) fn row(&self, kind: &str) -> String {
        if self.origin == PriceOrigin::List {
            return String::new();
        }
        let [input, cached, output] = &self.texts;
        let model = &self.model;
        format!(
            "[[price]]\nmodel = \"{model}\"\nkind = \"{kind}\"\neffective_from = 2026-01-01\ninput_tokens_max = 16384\noutput_tokens_max = 16384\n\
             cache_writes_billed = false\n[price.usd_per_million_tokens]\ninput = \"{input}\"\ncached_input = \"{cached}\"\noutput = \"{output}\"\n\n"
        )
    }
}

/// USD per million tokens, for one token.
fn token(per_million: &str) -> anyhow::Result<Usd> {
    let rate: Usd = per_million.parse()?;
    Ok(Usd::from_pico(rate.pico() / 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::{Price, PriceOrigin};
    use crate::money::Usd;
    use serde_json::json;

    #[test]
    fn the_default_models_have_a_list_price() {
        for model in [crate::options::CHAT_MODEL, crate::options::EMBED_MODEL] {
            let price = Price::of_list(model, "2026-11-22").unwrap().unwrap();
            assert_eq!(
                (price.origin, price.row("chat").as_str()),
                (PriceOrigin::List, "")
            );
            assert!(price.bound(1, 1) > Usd::ZERO);
        }
        assert!(
            Price::of_list("no-such-model", "2026-11-22")
                .unwrap()
                .is_none()
        );
        assert!(
            Price::of_list(crate::options::CHAT_MODEL, "2020-01-01")
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn classes_of_usage_are_priced_apart() {
        let usage = json!({"prompt_tokens": 35, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 34}});
        assert_eq!(
            Price::of_test("m").unwrap().cost(&usage).to_string(),
            "0.000039"
        );
        assert_eq!(
            Price::given("m=1/2").unwrap().cost(&usage).to_string(),
            "0.000039"
        );
        assert_eq!(
            Price::of_test("m")
                .unwrap()
                .cost(&json!({"prompt_tokens": 2}))
                .to_string(),
            "0.000003"
        );
    }

    #[test]
    fn a_price_on_the_command_line_is_read_or_refused() {
        assert!(
            Price::given("a=b=1/2")
                .unwrap()
                .row("chat")
                .contains("model = \"a=b\"")
        );
        for wrong in ["m", "m=1", "m=1/x"] {
            assert!(Price::given(wrong).is_err(), "{wrong}");
        }
    }
}
