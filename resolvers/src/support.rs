//! What the mutations of support have in common.

use chrono::{DateTime, Utc};

use crate::user_error::{InputError, UserErrorCode};

/// The longest note, in characters.
const LONGEST_NOTE: usize = 2_000;

/// The note without surrounding spaces, or why it cannot be used.
pub fn note(note: &str) -> Result<&str, InputError> {
    let note = note.trim();
    if note.is_empty() || note.chars().count() > LONGEST_NOTE {
        let message = format!("The note must have from 1 to {LONGEST_NOTE} characters");
        return Err(error(UserErrorCode::InvalidText, message, "note"));
    }
    Ok(note)
}

/// An error about a field of the input.
pub fn error(code: UserErrorCode, message: impl Into<String>, field: &str) -> InputError {
    InputError::new(code, message, &["input", field])
}

/// What a decision is called in the schema, which was stored under this name.
pub fn public_decision(stored: &str) -> String {
    stored.to_uppercase()
}

/// The message that somebody else was faster, and what they decided.
pub fn already_decided(actor: &str, stored: &str, at: DateTime<Utc>) -> String {
    let (decision, at) = (public_decision(stored), at.format("%F %T UTC"));
    format!("{actor} decided {decision} at {at}")
}
