//! Puts the tokens of one call on the bill, whatever becomes of its answer.
//!
//! Invariants: input and call are charged at once; output is charged as it is generated; an answer that is left early
//! is charged for what is hidden, what was generated until then and [`Lag`](Meter::new) tokens more, never more than the whole answer.
//! Does not know: bodies, connections.

use std::sync::Arc;

use crate::bill::{ModelBill, Payer};
use crate::plan::Charge;
use crate::state::Shared;

pub(crate) struct Meter {
    shared: Arc<Shared>,
    /// Of a stream. A whole answer is charged at once.
    open: Option<Open>,
}

struct Open {
    payer: Payer,
    output_tokens: u64,
    hidden_tokens: u64,
    sent_tokens: u64,
    lag_tokens: u64,
}

impl Meter {
    /// Starts a call. `lag_tokens`: what is generated after the client has left a stream.
    pub(crate) fn new(
        shared: Arc<Shared>,
        charge: Option<Charge>,
        stream: bool,
        lag_tokens: u64,
    ) -> Self {
        shared.call_began();
        let open = charge.and_then(|charge| {
            let at_once = if stream { 0 } else { charge.output };
            let part = ModelBill {
                calls: charge.calls,
                input_tokens: charge.input,
                output_tokens: at_once,
            };
            shared.charge(&charge.payer, part);
            stream.then_some(Open {
                payer: charge.payer,
                output_tokens: charge.output,
                hidden_tokens: charge.hidden,
                sent_tokens: 0,
                lag_tokens,
            })
        });
        Self { shared, open }
    }

    pub(crate) fn sent(&mut self, tokens: u64) {
        if let Some(open) = &mut self.open {
            open.sent_tokens += tokens;
        }
    }

    pub(crate) fn finished(&mut self) {
        if let Some(open) = self.open.take() {
            self.shared.charge(&open.payer, output(open.output_tokens));
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            let generated = open
                .hidden_tokens
                .saturating_add(open.sent_tokens)
                .saturating_add(open.lag_tokens)
                .min(open.output_tokens);
            self.shared.charge(&open.payer, output(generated));
        }
        self.shared.call_ended();
    }
}

fn output(tokens: u64) -> ModelBill {
    ModelBill {
        output_tokens: tokens,
        ..ModelBill::default()
    }
}
