//! Tools for measuring and for breaking: a canned upstream, a load generator, a TCP fault proxy and a PostgreSQL server, all on loopback.
//!
//! The upstream answers as fast as it can with the same bytes, so that what a bench sees is the gateway in the middle. The load generator keeps a fixed number
//! of connections busy and counts anything but a whole 200 as an error. The proxy cuts or stalls a connection after a counted number of bytes, slows it, refuses it, or cuts it in
//! place of an answer. The PostgreSQL server is one of its own for each test, and can be stopped, crashed, restarted and frozen.
//! The soak runs the built program against a simulator with books of its own, kills it at random, and compares the books.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use std::time::Duration;
//!
//! let upstream = rig::CannedUpstream::start(rig::UpstreamOptions::default()).await?;
//! let load = rig::Load { connections: 2, lasts: Duration::from_millis(50), ..rig::Load::new(upstream.address()) };
//! let outcome = load.run().await?;
//! assert!(outcome.requests > 0);
//! assert_eq!(outcome.errors, 0);
//! # std::io::Result::Ok(()) }).unwrap();
//! ```
//!
//! Invariants: everything is bounded in count and time; nothing connects to anything but the address it was given.
//! Does not know: any crate of keyward. All but `soak` know nothing of OpenAI's meanings or of money.

mod answer;
mod clock;
mod fault_proxy;
mod load;
mod postgres;
mod soak;
mod upstream;

pub use crate::fault_proxy::{Fault, FaultProxy};
pub use crate::load::{Load, Outcome};
pub use crate::postgres::{POSTGRES_GUARDED_USER, POSTGRES_PASSWORD, POSTGRES_USER, Postgres};
pub use crate::soak::{Finding, SimulatorProcess, Soak, SoakDatabase, SoakReport};
pub use crate::upstream::{CannedUpstream, UpstreamOptions};
