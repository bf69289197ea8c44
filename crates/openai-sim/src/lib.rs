//! An OpenAI on loopback: for tests that need an upstream that does as it is told, and for a first start without a key.
//!
//! Invariants: answers have the shapes of OpenAI's API unless a lie or a cassette is told; the same calls get the same
//! answers on every run; the bill counts what was generated, also what nobody received.
//! Does not know: any other crate of this workspace; its JSON is written by hand, so that a client's mistake about a
//! shape is not repeated here.
//! Source: OpenAI API reference; `contracts/` holds the shapes that it is checked against.
//!
//! By itself it answers sensibly: embeddings in which texts with common words are near, chats and responses that quote
//! the sentences of the prompt that fit the question, tool calls, JSON by schema. It has the routes of models, chats,
//! embeddings, responses, conversations, completions, moderations, images, sound, files, uploads, batches and vector
//! stores. Told by a [`Script`] it fails in every
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
//! # What calls leave behind
//!
//! Responses (unless `store` is false), conversations, files, uploads, batches and vector stores are kept, the newest of
//! each kind, until [`Sim::reset`]. There is no time: work in the background and batches go on when somebody looks, as
//! often as [`Script::polls`] says, and are billed when they are found done.
//!
//! ```
//! use openai_sim::{Script, Sim, SimOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sim = Sim::start(SimOptions::default()).await?;
//! sim.script(Script::new().polls(1).usage(10, 20).on("/responses"));
//! let client = reqwest::Client::new();
//! let asked = r#"{"model": "gpt-4o-mini", "input": "Hello", "background": true}"#;
//! let answer = client.post(sim.base_url() + "/responses").body(asked).send().await?.text().await?;
//! let id = answer.split('"').find(|part| part.starts_with("resp_")).ok_or("no id")?;
//! let look = async || client.get(format!("{}/responses/{id}", sim.base_url())).send().await?.text().await;
//! assert!(look().await?.contains(r#""status":"in_progress""#));
//! assert_eq!(sim.bill().total().output_tokens, 0);
//! assert!(look().await?.contains(r#""status":"completed""#));
//! assert_eq!(sim.bill().total().output_tokens, 20);
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
//!
//! # Cassettes
//!
//! A [`Recorder`] stands between a client and a real upstream and writes down what passes. A [`Cassette`] is scrubbed of
//! everything that anybody said, is text that can be read and committed, and answers in a simulator with the timing of
//! the recording:
//!
//! ```
//! use std::sync::Arc;
//! use openai_sim::{Cassette, Recorder, Sim, SimOptions, Timing};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let upstream = Sim::start(SimOptions::default()).await?;
//! # let key = String::from("what the upstream was called with");
//! let recorder = Recorder::start(&upstream.base_url()).await?;
//! // Point a client at it:
//! let models = reqwest::get(recorder.base_url() + "/models").await?.bytes().await?;
//! let mut cassette = recorder.finish().await;
//! cassette.upstream = "simulator".to_owned();
//! cassette.scrub(&[&key]);
//!
//! let cassette = Cassette::read(&cassette.write())?;
//! let replay = SimOptions { cassette: Some(Arc::new(cassette)), replay_speed: Timing::Fast, ..SimOptions::default() };
//! let replay = Sim::start(replay).await?;
//! let again = reqwest::get(replay.base_url() + "/models").await?.bytes().await?;
//! assert_eq!(models.len(), again.len());
//! # Ok(())
//! # }
//! ```

mod batches;
mod bill;
mod calls;
mod cassette;
mod catalogue;
mod chat;
mod completions;
mod control;
mod conversations;
mod data;
mod embeddings;
mod fields;
mod files;
mod form;
mod hash;
mod headers;
mod images;
mod lie;
mod lists;
mod meter;
mod models;
mod moderations;
mod objects;
mod plan;
mod playback;
mod recorder;
mod refusal;
mod replay;
mod reply;
mod responses;
mod route;
mod script;
mod server;
mod shelf;
mod sim;
mod speech;
mod state;
mod steps;
mod tokens;
mod transcriptions;
mod uploads;
mod vector;
mod vector_stores;
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
