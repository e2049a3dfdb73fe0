//! Anonymizes a supergraph and its operations, so that a planning problem can be reported without revealing whose they
//! are: hashes names, removes descriptions, replaces literals. Everything that plans depend on is preserved: the structure,
//! federation's directives, booleans, and the relative order of names.

mod literals;
mod names;
mod operation;
mod schema;
#[cfg(test)]
mod tests;

use self::literals::Literals;
use self::names::Names;
use crate::prepare::{self, ParseError};
use crate::supergraph::FederationNames;
use crate::type_system::{Schema, SchemaError};

/// Why something cannot be anonymized.
#[derive(Debug, thiserror::Error)]
pub enum AnonymizeError {
    #[error("the supergraph is not valid SDL: {0}")]
    Supergraph(String),
    #[error("the operation is not a GraphQL document: {0}")]
    Operation(String),
    /// A selection in a federation directive, such as the key of a type.
    #[error("`{selection}` is not a selection of fields: {reason}")]
    Selection { selection: String, reason: String },
}

/// Hashes the names of one supergraph and of its operations.
#[derive(Debug)]
pub struct Anonymizer {
    names: Names,
    literals: Literals,
    supergraph: String,
}

impl Anonymizer {
    /// Anonymizes a supergraph. With the same salt, a name gets the same hash; without it, nobody can find a name by hashing
    /// words.
    ///
    /// # Errors
    /// If the text is not the SDL of a supergraph.
    pub fn new(supergraph: &str, salt: &str) -> Result<Self, AnonymizeError> {
        let schema = Schema::parse(supergraph).map_err(|errors| {
            let errors: Vec<_> = errors.iter().map(SchemaError::to_string).collect();
            AnonymizeError::Supergraph(errors.join("; "))
        })?;
        let federation = FederationNames::of(supergraph).map_err(AnonymizeError::Supergraph)?;
        let mut names = Names::collecting(salt);
        let mut literals = Literals::default();
        schema::rename(&schema, &federation, &mut names, &mut literals)?;
        names.rename_supergraph();
        let mut literals = Literals::of(salt);
        let renamed = schema::rename(&schema, &federation, &mut names, &mut literals)?;
        Ok(Self {
            names,
            literals,
            supergraph: renamed.to_string(),
        })
    }

    /// The anonymized supergraph's SDL.
    pub fn supergraph(&self) -> &str {
        &self.supergraph
    }

    /// Anonymizes a document of operations on the supergraph.
    ///
    /// # Errors
    /// If the text is not an executable document.
    pub fn operation(&mut self, document: &str) -> Result<String, AnonymizeError> {
        let mut parsed = prepare::parse(document)
            .map_err(|error| AnonymizeError::Operation(syntax(&error)))?
            .document;
        self.names.collect_document();
        operation::rename(
            &mut parsed.clone(),
            &mut self.names,
            &mut Literals::default(),
        );
        self.names.rename_document();
        operation::rename(&mut parsed, &mut self.names, &mut self.literals);
        Ok(parsed.to_string())
    }
}

/// A syntax error with its position.
fn syntax(error: &ParseError) -> String {
    match error {
        ParseError::Syntax { message, position } => {
            format!(
                "{message} (line {}, column {})",
                position.line, position.column
            )
        }
        ParseError::TooDeep => "its brackets are nested too deep".to_owned(),
    }
}
