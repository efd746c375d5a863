//! The connections that all steps share.

use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::NoTls;

use super::{address::Address, schema::PostgresError, session::STEP, tls};

/// How many there are at most. Steps are short, and more than the database has processors for make
/// none of them faster; several servers share what the database takes.
const CONNECTIONS: usize = 16;

/// How long a new one may take, with all that is said before it is of use.
const CONNECT: Duration = Duration::from_secs(3);

/// Said once on each. Row locks, and not the isolation level, are what makes a step atomic: a
/// stricter one, which a database may have by default, would take steps back that only had to
/// wait. A server that dies or is cut off lets go of its locks in the time that a step takes. And
/// what was answered is on the disk, also when the database is set up to hurry.
const SETTINGS: &str = "
    SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SET statement_timeout = '4500ms';
    SET idle_in_transaction_session_timeout = '5s';
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') = 'off'";

/// Makes no connection yet.
pub(super) fn pool(address: &Address) -> Result<Pool, PostgresError> {
    let config = address.0.clone();
    // The library finds out by itself that a connection was closed.
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = match tls::connector(config.get_ssl_mode())? {
        None => Manager::from_config(config, NoTls, recycling),
        Some(tls) => Manager::from_config(config, tls, recycling),
    };
    let pool = Pool::builder(manager)
        .max_size(CONNECTIONS)
        .wait_timeout(Some(STEP))
        .create_timeout(Some(CONNECT))
        .post_create(Hook::async_fn(|connection, _| {
            Box::pin(async {
                let set = connection.batch_execute(SETTINGS).await;
                set.map_err(HookError::Backend)
            })
        }))
        .runtime(Runtime::Tokio1)
        .build();
    pool.map_err(|error| PostgresError::Database(error.to_string()))
}
