//! The `database` section.

use std::num::NonZeroU32;

use platform::config::Duration;
use platform::database::Synchronous;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the databases are used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Database {
    /// Maximum number of PostgreSQL connections for each domain of this process. All processes together must stay below
    /// the server's own limit.
    pub(crate) max_connections: NonZeroU32,
    /// How long to wait for a PostgreSQL connection, whether all are in use or the server is down.
    pub(crate) acquire_timeout: Duration,
    pub(crate) sqlite: Sqlite,
}

/// The SQLite files, used without a `database_url`.
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
