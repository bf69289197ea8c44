//! Connections lent to operations, and the rules of a transaction: a time limit, a bounded number of tries, and a
//! connection that is given back clean or not at all.
//!
//! Invariants: an operation ends within its limit, whatever the database does; nothing is tried again once a commit was
//! sent and not answered.
//! Does not know: what is read and written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool as Connections, RecyclingMethod, Runtime, Timeouts,
};

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::postgres::address::{Address, CONNECT_MAX};
use crate::postgres::failure::{Failure, Nature};

/// Tries of one operation: servers that held each other up, and connections that had died unseen.
const TRIES_MAX: u32 = 5;
/// The wait before a next try; grows with each.
const TRY_PAUSE: Duration = Duration::from_millis(20);

/// What fills the places of a statement.
pub(super) type Values<'v> = &'v [&'v (dyn ToSql + Sync)];

/// Connections of one kind.
pub(super) struct Pool {
    connections: Connections,
    operation_max: Duration,
}

impl Pool {
    /// Shape: `statement_max` is kept by the database, `operation_max` here, over all tries.
    pub(super) fn new(
        address: &Address,
        size: usize,
        statement_max: Duration,
        operation_max: Duration,
    ) -> Result<Pool, Failure> {
        let rules = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let config = address.config(statement_max);
        let manager = Manager::from_config(config, address.tls.clone(), rules);
        let connections = Connections::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(operation_max),
                create: Some(CONNECT_MAX),
                recycle: Some(CONNECT_MAX),
            })
            .build()
            .map_err(|_| Failure::internal("the pool of connections can't be built"))?;
        Ok(Pool {
            connections,
            operation_max,
        })
    }

    /// Runs statements that change nothing.
    pub(super) async fn read<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        work: impl Fn(Lent) -> F,
    ) -> Result<T, Failure> {
        let tries = async {
            let mut tried = 0;
            loop {
                tried += 1;
                match self.read_once(&work).await {
                    Err(failure) if may_retry(&failure, tried) => self.before_retry(tried).await,
                    outcome => return outcome,
                }
            }
        };
        within(self.operation_max, tries).await
    }

    /// Runs statements that change nothing and see one moment.
    pub(super) async fn moment<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        work: impl Fn(Lent) -> F,
    ) -> Result<T, Failure> {
        self.transact("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work)
            .await
    }

    /// Runs a transaction. What it wrote is on disk when this returns.
    ///
    /// Errors: `Unavailable` also if the commit was sent and no answer came: it may have been done.
    pub(super) async fn write<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        work: impl Fn(Lent) -> F,
    ) -> Result<T, Failure> {
        self.transact("BEGIN", work).await
    }

    async fn transact<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        begin: &str,
        work: impl Fn(Lent) -> F,
    ) -> Result<T, Failure> {
        let tries = async {
            let mut tried = 0;
            loop {
                tried += 1;
                let outcome = match self.begin(begin, &work).await {
                    Ok((client, value)) => client.commit().await.map(|()| value),
                    Err(failure) => Err(failure),
                };
                match outcome {
                    Err(failure) if may_retry(&failure, tried) => self.before_retry(tried).await,
                    outcome => return outcome,
                }
            }
        };
        within(self.operation_max, tries).await
    }

    /// Gives back all connections and refuses to lend any more.
    pub(super) fn close(&self) {
        self.connections.close();
    }

    async fn read_once<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        work: &impl Fn(Lent) -> F,
    ) -> Result<T, Failure> {
        let client = self.client().await?;
        let value = work(Arc::clone(&client)).await?;
        client.clean();
        Ok(value)
    }

    /// Does the work of a transaction, up to its commit.
    async fn begin<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        begin: &str,
        work: &impl Fn(Lent) -> F,
    ) -> Result<(Lent, T), Failure> {
        let client = self.client().await?;
        client.batch_execute(begin).await?;
        match work(Arc::clone(&client)).await {
            Ok(value) => Ok((client, value)),
            Err(failure) => {
                // At once, so that no row stays locked until the server notices that the connection was closed.
                if failure.nature != Nature::Lost && client.batch_execute("ROLLBACK").await.is_ok()
                {
                    client.clean();
                }
                Err(failure)
            }
        }
    }

    async fn client(&self) -> Result<Lent, Failure> {
        Ok(Arc::new(Client {
            connection: Some(self.connections.get().await?),
            clean: AtomicBool::new(false),
        }))
    }

    async fn before_retry(&self, tried: u32) {
        // The others most likely died with it.
        self.connections
            .retain(|connection, _| !connection.is_closed());
        tokio::time::sleep(TRY_PAUSE * tried).await;
    }
}

/// A connection on loan. Dropped without a word, it is closed: nobody knows what state it is in.
pub(super) struct Client {
    connection: Option<Object>,
    clean: AtomicBool,
}

/// As an operation gets it.
pub(super) type Lent = Arc<Client>;

impl Client {
    /// The rows of a statement, which is prepared once for each connection.
    pub(super) async fn query(&self, sql: &str, values: Values<'_>) -> Result<Vec<Row>, Failure> {
        let connection = self.connection()?;
        let statement = connection.prepare_cached(sql).await?;
        Ok(connection.query(&statement, values).await?)
    }

    /// The one row of a statement.
    pub(super) async fn query_one(&self, sql: &str, values: Values<'_>) -> Result<Row, Failure> {
        let rows = self.query(sql, values).await?;
        let row = rows.into_iter().next();
        row.ok_or_else(|| Failure::internal("a row is missing"))
    }

    /// The row of a statement, if there is one.
    pub(super) async fn query_opt(
        &self,
        sql: &str,
        values: Values<'_>,
    ) -> Result<Option<Row>, Failure> {
        Ok(self.query(sql, values).await?.into_iter().next())
    }

    /// Runs a statement; gives the number of rows that it touched.
    pub(super) async fn execute(&self, sql: &str, values: Values<'_>) -> Result<u64, Failure> {
        let connection = self.connection()?;
        let statement = connection.prepare_cached(sql).await?;
        Ok(connection.execute(&statement, values).await?)
    }

    /// Runs statements without values, as they stand.
    pub(super) async fn batch_execute(&self, sql: &str) -> Result<(), Failure> {
        Ok(self.connection()?.batch_execute(sql).await?)
    }

    async fn commit(&self) -> Result<(), Failure> {
        match self.batch_execute("COMMIT").await {
            Ok(()) => {
                self.clean();
                Ok(())
            }
            // It may have been done, and a repeat is the caller's to decide.
            Err(failure) => Err(Failure {
                nature: Nature::Lasting,
                ..failure
            }),
        }
    }

    fn clean(&self) {
        self.clean.store(true, Ordering::Release);
    }

    fn connection(&self) -> Result<&Object, Failure> {
        let connection = self.connection.as_ref();
        connection.ok_or_else(|| Failure::internal("a connection was used after its return"))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && !self.clean.load(Ordering::Acquire)
        {
            drop(Object::take(connection));
        }
    }
}

fn may_retry(failure: &Failure, tried: u32) -> bool {
    failure.nature != Nature::Lasting && tried < TRIES_MAX
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Failure::too_slow()),
    }
}
