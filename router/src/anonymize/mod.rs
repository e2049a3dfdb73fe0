//! A supergraph and operations without what they say of their owner, for a report of how they are planned: names are
//! hashed, descriptions are left out, literals are replaced. Everything that plans depend on stays: the structure, the
//! directives of federation, booleans, and the order that names have among each other.

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
    /// A selection in a directive of federation, such as the key of a type.
    #[error("`{selection}` is not a selection of fields: {reason}")]
    Selection { selection: String, reason: String },
}

/// Hashes the names of one supergraph, and of operations on it.
#[derive(Debug)]
pub struct Anonymizer {
    names: Names,
    literals: Literals,
    supergraph: String,
}

impl Anonymizer {
    /// Of a supergraph. The same salt gives a name the same hash; nobody who does not know it can find a name by hashing
    /// words.
    ///
    /// # Errors
    /// A text that is not the SDL of a supergraph.
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

    /// The supergraph's SDL.
    pub fn supergraph(&self) -> &str {
        &self.supergraph
    }

    /// A document of operations on it.
    ///
    /// # Errors
    /// A text that is not one.
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

/// What is wrong with a text, and where.
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
