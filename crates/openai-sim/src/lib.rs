//! An OpenAI on loopback: for tests that need an upstream that does as it is told, and for a first start without a key.
//!
//! Invariants: answers have the shapes of OpenAI's API; the same calls get the same answers on every run; the bill
//! counts what was generated, also what nobody received.
//! Does not know: any other crate of this workspace; its JSON is written by hand, so that a client's mistake about a
//! shape is not repeated here.
//! Source: OpenAI API reference; `contracts/` holds the shapes that it is checked against.
//!
//! By itself it answers sensibly: embeddings in which texts with common words are near, chat answers that quote the
//! sentences of the prompt that fit the question, tool calls, JSON by schema. Told by a [`Script`] it fails in every
//! way an upstream can: statuses, delays, drips, cuts, stalls, broken JSON, odd usage.
//!
//! ```
//! use openai_sim::{Script, Sim, SimOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let sim = Sim::start(SimOptions::default()).await?;
//! // Point a client at it:
//! assert!(sim.base_url().starts_with("http://127.0.0.1:"));
//! // The next two chat calls are refused, the third is answered and reports 16 tokens in, 4 out.
//! sim.script(Script::status(429).header("retry-after", "1").times(2).on("/chat/completions"));
//! sim.script(Script::new().usage(16, 4).on("/chat/completions"));
//! // … calls …
//! assert_eq!(sim.scripts_waiting(), 3);
//! assert_eq!(sim.bill().of("gpt-4o-mini").input_tokens, 0);
//! sim.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Lies
//!
//! A [`Lie`] makes answers deviate from the API on purpose: a field renamed, a number in quotes, a sum that is wrong,
//! events in another order, a header gone. A check of answers that passes on all of [`Lie::catalogue`] checks nothing;
//! `openai-sim --list-lies` prints that list, and the environment variable [`LIE_VARIABLE`] plants one lie in every
//! simulator that a process starts.
//!
//! ```
//! use openai_sim::{Lie, Twist};
//!
//! let lie = Lie::new().on("/chat/completions").as_text("prompt_tokens").twist(Twist::DoneTwice);
//! assert_eq!(Lie::read(r#"{"path": "/chat/completions", "as_text": ["prompt_tokens"], "twists": ["done_twice"]}"#), Ok(lie));
//! ```

mod bill;
mod calls;
mod cassette;
mod catalogue;
mod chat;
mod control;
mod data;
mod embeddings;
mod fields;
mod hash;
mod headers;
mod lie;
mod meter;
mod models;
mod plan;
mod playback;
mod recorder;
mod refusal;
mod replay;
mod reply;
mod route;
mod script;
mod server;
mod sim;
mod state;
mod steps;
mod tokens;
mod vector;
mod wire;
mod words;

pub use bill::{Bill, ModelBill};
pub use calls::{CALLS_BYTES_MAX, CALLS_MAX, SeenCall};
pub use cassette::{Cassette, CassetteError, Chunk, Ending, Recorded};
pub use data::BODY_BYTES_MAX;
pub use lie::{LIES_MAX, Lie, Twist};
pub use recorder::{EXCHANGES_MAX, Recorder};
pub use replay::Timing;
pub use script::{Quirk, SCRIPTS_MAX, Script};
pub use sim::{LIE_VARIABLE, Sim, SimOptions};
