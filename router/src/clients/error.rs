//! Errors in the clients file: the file, the client, the operation and the problem.

use std::path::PathBuf;

use platform::yaml::YamlError;

/// The problem and its location.
#[derive(Debug, thiserror::Error)]
pub enum ClientsError {
    #[error("the clients in {path} cannot be read: {reason}")]
    Read {
        path: PathBuf,
        reason: std::io::Error,
    },
    #[error("the clients in {path} cannot be used: {reason}")]
    Syntax { path: PathBuf, reason: YamlError },
    #[error("the clients in {path} cannot be used: client `{client}`: {problem}")]
    Client {
        path: PathBuf,
        client: String,
        problem: String,
    },
    #[error(
        "the clients in {path} cannot be used: client `{client}`: operation `{operation}` of {manifest}: {problem}"
    )]
    Operation {
        path: PathBuf,
        client: String,
        operation: String,
        manifest: PathBuf,
        problem: String,
    },
}
