//! A database of its own for each test, and rows to put into it.
//!
//! Invariants: rows are alike for the same numbers.
//! Does not know: what is tested.

use std::path::PathBuf;
use std::time::Duration;

use storage::{EntryRow, KeyRow, OpenOptions, Role, Store};
use tempfile::TempDir;

pub(crate) struct World {
    pub(crate) directory: TempDir,
}

impl World {
    pub(crate) fn new() -> World {
        World {
            directory: TempDir::new().expect("temporary directory"),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("data").join("keyward.db")
    }

    pub(crate) fn options(&self, role: Role) -> OpenOptions {
        OpenOptions {
            path: self.path(),
            role,
            gather: Duration::from_millis(2),
        }
    }

    pub(crate) async fn server(&self) -> Store {
        Store::open(self.options(Role::Server))
            .await
            .expect("open as server")
    }

    pub(crate) async fn command(&self) -> Store {
        Store::open(self.options(Role::Command))
            .await
            .expect("open as command")
    }

    /// A look at the file behind the store's back.
    pub(crate) fn peek(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).expect("open the file")
    }
}

pub(crate) fn request_id(number: u64) -> [u8; 16] {
    u128::from(number).to_be_bytes()
}

/// An ordinary entry; `number` makes its request.
pub(crate) fn entry(number: u64) -> EntryRow {
    EntryRow {
        entry_id: 0,
        request_id: request_id(number),
        attempt: 1,
        adjustment: 0,
        adjusts: None,
        state: "reported".to_owned(),
        at_ms: 1_700_000_000_000,
        window_day: 19_675,
        lease_id: Some(7),
        key_id: "key_a".to_owned(),
        project: "search".to_owned(),
        endpoint: "embeddings".to_owned(),
        model: "text-embedding-ada-002".to_owned(),
        model_served: Some("text-embedding-ada-002-v2".to_owned()),
        upstream: "openai".to_owned(),
        service_tier: Some("default".to_owned()),
        price_row: Some("text-embedding-ada-002@2024-01-01".to_owned()),
        input_tokens: 16,
        cached_input_tokens: 1,
        cache_write_30m_tokens: 2,
        cache_write_12h_tokens: 3,
        output_tokens: 4,
        reasoning_tokens: 5,
        other_usage: Some(r#"{"images":1}"#.to_owned()),
        cost_pico_usd: 1_600_000,
        status: 200,
        outcome: "finished".to_owned(),
        cached: false,
        stream: true,
        latency_ms: 12,
        first_chunk_ms: Some(3),
        end_user: Some("user \"one\"".to_owned()),
        tags: vec!["team:a".to_owned(), "quote\"and\\slash".to_owned()],
    }
}

/// A correction of an entry that was stored.
pub(crate) fn adjustment(number: u64, adjusts: i64, cost_pico_usd: i64) -> EntryRow {
    EntryRow {
        adjustment: 1,
        adjusts: Some(adjusts),
        state: "adjusted".to_owned(),
        input_tokens: -10,
        output_tokens: -4,
        cost_pico_usd,
        ..entry(number)
    }
}

pub(crate) fn key(number: u8) -> KeyRow {
    KeyRow {
        id: format!("key_{number}"),
        digest: [number; 32],
        name: format!("key {number}"),
        project: "search".to_owned(),
        models: vec!["gpt-4o*".to_owned()],
        endpoints: Vec::new(),
        tags: vec!["team:a".to_owned()],
        origin: "minted".to_owned(),
        requests_per_minute: Some(60),
        created_at_ms: i64::from(number),
        expires_at_ms: None,
        revoked_at_ms: None,
    }
}
