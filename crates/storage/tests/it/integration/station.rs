//! A database server of its own for each test, and stores that connect to it.
//!
//! Invariants: loopback only.
//! Does not know: what is tested.

use std::net::SocketAddr;
use std::time::Duration;

use rig::{Fault, FaultProxy, Postgres};
use storage::{PostgresOptions, Role, Store};

pub(crate) struct Station {
    pub(crate) postgres: Postgres,
}

impl Station {
    pub(crate) fn new() -> Station {
        Station {
            postgres: Postgres::start().expect("start PostgreSQL"),
        }
    }

    /// Forgets all that stores wrote.
    pub(crate) fn clear(&self) {
        let sql = "SET client_min_messages = error; DROP SCHEMA IF EXISTS keyward CASCADE";
        self.postgres.psql(sql).expect("clear the database");
    }

    pub(crate) async fn server(&self) -> Store {
        let options = options(&self.postgres.url(), Role::Server);
        Store::connect(options).await.expect("connect as server")
    }

    pub(crate) async fn command(&self) -> Store {
        let options = options(&self.postgres.url(), Role::Command);
        Store::connect(options).await.expect("connect as command")
    }

    /// A store behind a proxy that may break its connections.
    pub(crate) async fn behind_proxy(&self) -> (Store, FaultProxy) {
        let proxy = FaultProxy::start(self.postgres.address(), Fault::None).await;
        let proxy = proxy.expect("start the proxy");
        let store = self.at(proxy.address()).await;
        (store, proxy)
    }

    async fn at(&self, address: SocketAddr) -> Store {
        let options = options(&self.postgres.url_at(address), Role::Server);
        Store::connect(options).await.expect("connect")
    }

    /// A look at the tables behind the store's back.
    pub(crate) fn peek(&self, sql: &str) -> String {
        let sql = format!("SET search_path = keyward; {sql}");
        self.postgres.psql(&sql).expect("look")
    }
}

pub(crate) fn options(url: &str, role: Role) -> PostgresOptions {
    PostgresOptions {
        url: url.to_owned().into(),
        role,
        gather: Duration::from_millis(2),
    }
}
