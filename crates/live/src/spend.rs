//! What the calls of a run cost, and whether the next check may run.
//!
//! Invariants: a call whose usage nobody told counts at its bound; `real` never counts what nobody bills.
//! Does not know: calls, answers.

use crate::check::{Calls, Check, Count, Model};
use crate::money::Usd;
use crate::prices::{Price, PriceOrigin};

/// Tokens that a model of the list may think with before it answers; a model of one's own gets none.
const REASONING_TOKENS: u64 = 256;

/// The prices of a run and which of them are billed by somebody.
#[derive(Clone)]
pub(crate) struct Tariff {
    pub(crate) chat: Price,
    pub(crate) embed: Price,
    /// Which of them somebody bills.
    pub(crate) billed: Billed,
}

/// Which prices somebody bills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Billed {
    /// All: the upstream is somewhere else.
    All,
    /// The upstream is on this machine, where a model without a price of its own is free. One with a list price
    /// may be behind a proxy, and then it is not.
    ButTest,
    /// None: a cassette answers.
    Nothing,
}

/// An amount at the prices in force, and the part of it that somebody bills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spend {
    pub(crate) priced: Usd,
    pub(crate) real: Usd,
}

impl Spend {
    /// Both together.
    pub(crate) fn add(&mut self, other: Self) {
        self.priced += other.priced;
        self.real += other.real;
    }
}

impl Tariff {
    /// The price of a model.
    pub(crate) fn price(&self, model: Model) -> &Price {
        match model {
            Model::Chat => &self.chat,
            Model::Embed => &self.embed,
        }
    }

    /// Output tokens that a chat may take beyond its answer.
    pub(crate) fn reasoning_tokens(&self) -> u64 {
        if self.chat.origin == PriceOrigin::Test {
            0
        } else {
            REASONING_TOKENS
        }
    }

    /// An amount of a model's price.
    pub(crate) fn spend(&self, model: Model, amount: Usd) -> Spend {
        let billed = match self.billed {
            Billed::All => true,
            Billed::ButTest => self.price(model).origin != PriceOrigin::Test,
            Billed::Nothing => false,
        };
        Spend {
            priced: amount,
            real: if billed { amount } else { Usd::ZERO },
        }
    }

    /// The most that a check costs at one door.
    pub(crate) fn bound(&self, check: &Check, samples: u64) -> Spend {
        let mut bound = Spend::default();
        for calls in check.calls {
            let reasoning = match calls.model {
                Model::Chat => self.reasoning_tokens(),
                Model::Embed => 0,
            };
            let output = calls.output + reasoning;
            let each = self.price(calls.model).bound(calls.input, output);
            bound.add(self.spend(calls.model, each * count(calls, samples)));
        }
        bound
    }
}

/// How many calls these are.
pub(crate) fn count(calls: &Calls, samples: u64) -> u64 {
    match calls.count {
        Count::Fixed(count) => count,
        Count::Samples => samples,
    }
}

#[cfg(test)]
mod tests {
    use super::{Billed, Spend, Tariff};
    use crate::check::Model;
    use crate::money::Usd;
    use crate::prices::Price;

    fn check(chat: Price, billed: Billed, is_real: bool) {
        let tariff = Tariff {
            chat,
            embed: Price::of_test("embed").unwrap(),
            billed,
        };
        let amount = Usd::from_pico(7);
        let real = if is_real { amount } else { Usd::ZERO };
        let expected = Spend {
            priced: amount,
            real,
        };
        assert_eq!(tariff.spend(Model::Chat, amount), expected);
    }

    #[test]
    fn a_model_with_a_list_price_is_billed_behind_a_proxy_on_loopback_too() {
        let listed = || {
            Price::of_list(crate::options::CHAT_MODEL, "2026-11-22")
                .unwrap()
                .unwrap()
        };
        check(listed(), Billed::All, true);
        check(listed(), Billed::ButTest, true);
        check(listed(), Billed::Nothing, false);
    }

    #[test]
    fn a_test_price_is_billed_nowhere_but_elsewhere() {
        let test = || Price::of_test("chat").unwrap();
        check(test(), Billed::ButTest, false);
        check(test(), Billed::All, true);
        check(Price::given("chat=1/2").unwrap(), Billed::ButTest, true);
    }
}
