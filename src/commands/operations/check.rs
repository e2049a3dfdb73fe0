//! Every registered operation against a schema.

use std::sync::Arc;

use anyhow::bail;
use router::clients::{RegisteredClient, RegisteredOperation};
use router::{GraphQLError, Router};

use super::report;
use crate::cli::Format;
use crate::{output, schema_changes};

/// An operation, and why it does not fit.
pub(super) struct Checked {
    pub(super) client: Arc<RegisteredClient>,
    pub(super) operation: Arc<RegisteredOperation>,
    pub(super) errors: Vec<GraphQLError>,
}

/// What was found: the operations, and what the schema has lost, whether they use it or not.
pub(super) struct Outcome {
    pub(super) operations: Vec<Checked>,
    pub(super) changes: Vec<String>,
}

impl Outcome {
    pub(super) fn broken(&self) -> impl Iterator<Item = &Checked> {
        self.operations.iter().filter(|one| !one.errors.is_empty())
    }
}

/// `before`: the schema that every breaking change from counts.
pub(super) async fn run(
    clients: &[Arc<RegisteredClient>],
    router: &Router,
    before: Option<&Router>,
    format: Format,
) -> anyhow::Result<()> {
    let mut operations = Vec::new();
    for client in clients {
        for operation in client.operations.iter() {
            operations.push(Checked {
                client: client.clone(),
                operation: operation.clone(),
                errors: operation.check(router).await.err().unwrap_or_default(),
            });
        }
    }
    let changes = match before {
        Some(before) => schema_changes::breaking(before.api_sdl(), router.api_sdl())?,
        None => Vec::new(),
    };
    let outcome = Outcome {
        operations,
        changes,
    };
    output::print(&report::write(&outcome, format)?)?;
    let (all, broken) = (outcome.operations.len(), outcome.broken().count());
    if broken > 0 {
        bail!("{broken} of {all} registered operations do not fit the schema");
    }
    if !outcome.changes.is_empty() {
        bail!("the schema has {} breaking changes", outcome.changes.len());
    }
    Ok(())
}
