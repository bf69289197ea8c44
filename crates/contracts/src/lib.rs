//! Reads, writes and compares the shapes of an API's answers, so that a stand-in can be held against the real thing.
//!
//! Invariants: a shape holds names, types and small closed sets of words, never text, ids or keys.
//! Does not know: any API, HTTP, where answers come from.
//!
//! A [`Shape`] is what answers look like; a [`Contract`] is a shape in a TOML file, with where and when it was learned;
//! [`compare`] names what differs, on both sides, and whether that breaks a client.
//!
//! ```
//! use contracts::{Contract, Grade};
//! use serde_json::json;
//!
//! let contract = Contract::read(
//!     r#"
//!     origin = "documented"
//!     when = "2026-11-22"
//!
//!     [shape]
//!     "object" = "'list'"
//!     "data" = "array"
//!     "data[]" = "object"
//!     "data[].embedding" = "array"
//!     "data[].embedding[]" = "number"
//!     "model" = "string"
//!     "usage" = "optional object"
//!     "#,
//! )?;
//! let answers = [json!({"object": "list", "data": [{"vector": [0.5]}], "model": "any", "id": 7})];
//! let differences = contract.check(&answers);
//! assert_eq!(differences[0].to_string(), "breaking: `data[].embedding` of the contract is `data[].vector` in the answer");
//! assert_eq!(differences[1].grade, Grade::Additive);
//! # Ok::<(), contracts::ContractError>(())
//! ```

mod between;
mod call;
mod compare;
mod contract;
mod description;
mod difference;
mod drifts;
mod edit;
mod events;
mod examples;
mod exchange;
mod finding;
mod folder;
mod headers;
mod laws;
mod order;
mod ours;
mod path;
mod shape;
mod widen;

pub use between::between;
pub use call::{Call, Part};
pub use compare::compare;
pub use contract::{Contract, ContractError, Origin};
pub use difference::{Difference, DifferenceKind, Grade};
pub use drifts::{Drift, Drifts, Split};
pub use events::{Event, EventData, events};
pub use examples::Example;
pub use exchange::{Exchange, Payload};
pub use finding::{Finding, Place, Sides};
pub use folder::{Contracts, Learned};
pub use headers::{Form, HeaderRule};
pub use laws::laws;
pub use order::Rule;
pub use ours::Ours;
pub use shape::{Field, Kind, Shape};
