//! The `telemetry` section.

use platform::config::Invalid;
use platform::telemetry::{LogFormat, LogGuard, Metrics, TelemetryError, check_filter, init_log};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Logging settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Telemetry {
    pub(crate) log_format: LogFormat,
    /// Level, or levels by module: `info`, `warn,router=debug`.
    pub(crate) log_level: String,
    /// Whether each request is logged: method, path, operation, client, status, time.
    pub(crate) access_log: bool,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            log_format: LogFormat::Text,
            log_level: "info,sea_orm_migration=warn,sqlx=warn,tantivy=warn".to_owned(),
            access_log: true,
        }
    }
}

impl Telemetry {
    /// Starts logging and metrics; call once per process.
    pub(crate) fn start(&self) -> Result<(LogGuard, Metrics), TelemetryError> {
        let log = self.start_log()?;
        let metrics = Metrics::install(env!("CARGO_PKG_VERSION"))?;
        for describe in [
            crate::metrics::describe,
            router::metrics::describe,
            resolvers::metrics::describe,
            notifications::metrics::describe,
            orders::metrics::describe,
            returns::metrics::describe,
            pricing::metrics::describe,
            search::metrics::describe,
            tracking::metrics::describe,
        ] {
            describe();
        }
        Ok((log, metrics))
    }

    /// Starts logging; call once per process.
    pub(crate) fn start_log(&self) -> Result<LogGuard, TelemetryError> {
        init_log(self.log_format, &self.log_level, self.access_log)
    }

    pub(super) fn check(&self) -> Result<(), Invalid> {
        check_filter(&self.log_level)
            .map_err(|error| Invalid::new("telemetry.log_level", error.to_string()))
    }
}
