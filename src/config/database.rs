//! How the databases are used.

use std::num::NonZeroU32;

use platform::config::Duration;
use platform::database::Synchronous;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the databases are used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Database {
    /// Connections to PostgreSQL that each domain of this process may hold. All processes together must stay below the
    /// server's own limit.
    pub(crate) max_connections: NonZeroU32,
    /// How long a connection to PostgreSQL is waited for, be all of them in use or the server gone.
    pub(crate) acquire_timeout: Duration,
    pub(crate) sqlite: Sqlite,
}

/// The SQLite files, when there is no `database_url`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sqlite {
    /// What a commit waits for. `full`: the disk, so that a power cut loses nothing that was acknowledged. `normal`:
    /// the operating system, so that a power cut may lose the last seconds; a crash of the process loses nothing.
    pub(crate) synchronous: Synchronous,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            max_connections: NonZeroU32::new(10).unwrap_or(NonZeroU32::MIN),
            acquire_timeout: Duration::from_secs(5),
            sqlite: Sqlite::default(),
        }
    }
}
