//! What cannot be served in the `server` section, whose keys the router's edge defines.

use ::router::server::{ServerConfig, ServerConfigError};
use platform::config::Invalid;

use super::Mode;

/// The mode alone decides what is only for developers.
pub(super) fn in_mode(server: ServerConfig, mode: Mode) -> ServerConfig {
    ServerConfig {
        development: mode == Mode::Development,
        ..server
    }
}

pub(super) fn check(server: &ServerConfig, mode: Mode) -> Result<(), Invalid> {
    in_mode(server.clone(), mode).validate().map_err(|error| {
        let key = match &error {
            ServerConfigError::Path(_) => "server.path".to_owned(),
            ServerConfigError::Zero { key } | ServerConfigError::Header { key, .. } => {
                format!("server.{key}")
            }
            ServerConfigError::Origin(_) => "server.cors.origins".to_owned(),
            ServerConfigError::AnyOriginWithCredentials => "server.cors".to_owned(),
        };
        // The text starts with the key, for those who have no layers to say where it was set.
        let text = error.to_string();
        let problem = text.strip_prefix(&key).unwrap_or(&text);
        let problem = problem.trim_start_matches([':', ' ']).to_owned();
        Invalid::new(key, problem)
    })
}
