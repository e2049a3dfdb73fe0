//! Why there are no credentials.

use std::io;
use std::path::PathBuf;

use crate::http::HttpError;

/// Why credentials for Amazon's services could not be had. Never shows one.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    #[error("{present} is set without {missing}: set both, or neither")]
    Incomplete {
        present: &'static str,
        missing: &'static str,
    },
    #[error("{variable} is not a usable address: {problem}")]
    Address {
        variable: &'static str,
        problem: String,
    },
    #[error("the file of {variable} cannot be read: {}: {error}", .path.display())]
    File {
        variable: &'static str,
        path: PathBuf,
        error: io::Error,
    },
    #[error("the profile {profile:?} cannot be used: {problem}")]
    Profile { profile: String, problem: String },
    #[error(
        "there are no credentials: set access_key_id and secret_access_key, or AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY, or run where Amazon provides a role; AWS_EC2_METADATA_DISABLED excludes the instance's"
    )]
    Nowhere,
    #[error("{source_name} gave no credentials: {error}")]
    Call {
        source_name: &'static str,
        error: HttpError,
    },
    #[error("{source_name} gave no credentials: {problem}")]
    Answer {
        source_name: &'static str,
        problem: String,
    },
}
