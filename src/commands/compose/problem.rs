//! Why there is no supergraph.

use std::fmt;

use router::Diagnostic;

platform::error_codes! {
    /// What goes wrong before subgraphs are composed.
    pub(super) enum ProblemCode {
        /// The file that lists the subgraphs.
        ConfigInvalid = "CONFIG_INVALID",
        SchemaNotRead = "SCHEMA_NOT_READ",
        /// The subgraph did not tell its schema.
        IntrospectionFailed = "INTROSPECTION_FAILED",
    }
}

/// An error: its code, the subgraphs that it is about, and what it is.
#[derive(Debug)]
pub(super) struct Problem {
    code: &'static str,
    subgraphs: Vec<String>,
    message: String,
}

impl Problem {
    pub(super) fn of_config(message: impl Into<String>) -> Self {
        Self {
            code: ProblemCode::ConfigInvalid.as_str(),
            subgraphs: Vec::new(),
            message: message.into(),
        }
    }

    /// With the file that it is about.
    pub(super) fn in_file(self, file: &impl fmt::Display) -> Self {
        let message = format!("{file}: {}", self.message);
        Self { message, ..self }
    }

    pub(super) fn of(code: ProblemCode, subgraph: &str, message: String) -> Self {
        Self {
            code: code.as_str(),
            subgraphs: vec![subgraph.to_owned()],
            message,
        }
    }
}

impl From<Diagnostic> for Problem {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            code: diagnostic.code.as_str(),
            subgraphs: diagnostic.subgraphs,
            message: diagnostic.message,
        }
    }
}

/// One line: `error[CODE] orders, returns: what is wrong`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]", self.code)?;
        if !self.subgraphs.is_empty() {
            write!(f, " {}", self.subgraphs.join(", "))?;
        }
        let words: Vec<_> = self.message.split_whitespace().collect();
        let message = words.join(" ");
        // The composer begins with the subgraph.
        let of_one = match &self.subgraphs[..] {
            [name] => message.strip_prefix(&format!("[{name}]")),
            _ => None,
        };
        let own = of_one.map(|rest| rest.trim_start_matches([':', ' ']));
        write!(f, ": {}", own.unwrap_or(&message))
    }
}
