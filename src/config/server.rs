//! Checks of the `server` section, whose keys are defined by the router's edge.

use ::router::server::{ServerConfig, ServerConfigError};
use platform::config::Invalid;

use super::Mode;

/// Developer features depend on the mode alone.
pub(super) fn in_mode(server: ServerConfig, mode: Mode) -> ServerConfig {
    ServerConfig {
        development: mode == Mode::Development,
        ..server
    }
}

pub(super) fn check(server: &ServerConfig, mode: Mode) -> Result<(), Invalid> {
    if super::is_reserved_path(&server.path) {
        let problem = format!(
            "`{}` is used for something else: choose another",
            server.path
        );
        return Err(Invalid::new("server.path", problem));
    }
    in_mode(server.clone(), mode).validate().map_err(|error| {
        let key = match &error {
            ServerConfigError::Path(_) => "server.path".to_owned(),
            ServerConfigError::Zero { key } | ServerConfigError::Header { key, .. } => {
                format!("server.{key}")
            }
            ServerConfigError::NotForwardable(_) => "server.forward_headers".to_owned(),
            ServerConfigError::Origin(_) => "server.cors.origins".to_owned(),
            ServerConfigError::AnyOriginWithCredentials => "server.cors".to_owned(),
        };
        // The text starts with the key, for callers that cannot say where it was set.
        let text = error.to_string();
        let problem = text.strip_prefix(&key).unwrap_or(&text);
        let problem = problem.trim_start_matches([':', ' ']).to_owned();
        Invalid::new(key, problem)
    })
}
