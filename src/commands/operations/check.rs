//! Checks every registered operation against a schema: whether it is valid, and what changes for it.

use std::sync::Arc;

use anyhow::bail;
use router::clients::{RegisteredClient, RegisteredOperation};
use router::schema_changes::{
    Change, ClientOperation, Severity, Usage, operation_usages, schema_changes,
};
use router::{GraphQLError, Router};

use super::report;
use crate::cli::OperationsFormat;
use crate::output;

/// The schema the operations are checked against.
pub(super) struct Check<'a> {
    pub(super) router: &'a Router,
    /// The previous schema; without it there are no changes.
    pub(super) before: Option<&'a Router>,
    /// Whether to include changes that no operation uses.
    pub(super) counts_all: bool,
}

/// A checked operation.
pub(super) struct Checked {
    pub(super) client: Arc<RegisteredClient>,
    pub(super) operation: Arc<RegisteredOperation>,
    /// Why it is not valid.
    pub(super) errors: Vec<GraphQLError>,
    /// Breaking and dangerous changes that affect it.
    pub(super) changes: Vec<Change>,
}

impl Checked {
    /// Why its client has to act.
    pub(super) fn problems(&self) -> Vec<String> {
        let errors = self.errors.iter().map(GraphQLError::to_string);
        let changes = self.changes.iter().filter(|change| is_breaking(change));
        let changes = changes.map(|change| change.message.clone());
        errors.chain(changes).collect()
    }
}

/// The result of a check.
pub(super) struct Outcome {
    pub(super) operations: Vec<Checked>,
    /// Breaking and dangerous changes that no operation uses, if they are included.
    pub(super) unused: Vec<Change>,
}

pub(super) fn is_breaking(change: &Change) -> bool {
    change.severity == Severity::Breaking
}

pub(super) async fn run(
    clients: &[Arc<RegisteredClient>],
    check: &Check<'_>,
    format: OperationsFormat,
) -> anyhow::Result<()> {
    let outcome = outcome(clients, check).await?;
    output::print(&report::write(&outcome, format)?)?;
    let operations = outcome.operations.iter();
    let broken = operations.filter(|one| !one.problems().is_empty()).count();
    let all = outcome.operations.len();
    if broken > 0 {
        bail!("{broken} of {all} registered operations are not valid against the schema");
    }
    match outcome.unused.iter().filter(|one| is_breaking(one)).count() {
        0 => Ok(()),
        changes => bail!("the schema has {changes} breaking changes"),
    }
}

async fn outcome(clients: &[Arc<RegisteredClient>], check: &Check<'_>) -> anyhow::Result<Outcome> {
    let mut operations = Vec::new();
    for client in clients {
        for operation in client.operations.iter() {
            operations.push(Checked {
                client: client.clone(),
                operation: operation.clone(),
                errors: operation
                    .check(check.router)
                    .await
                    .err()
                    .unwrap_or_default(),
                changes: Vec::new(),
            });
        }
    }
    let mut unused = Vec::new();
    if let Some(before) = check.before {
        let usages = usages(before, &operations)?;
        for change in schema_changes(before.api_sdl(), check.router.api_sdl())? {
            if change.severity == Severity::Safe {
                continue;
            }
            let mut is_used = false;
            for (one, usage) in operations.iter_mut().zip(&usages) {
                if usage.as_ref().is_some_and(|usage| change.concerns(usage)) {
                    one.changes.push(change.clone());
                    is_used = true;
                }
            }
            if !is_used && check.counts_all {
                unused.push(change);
            }
        }
    }
    Ok(Outcome { operations, unused })
}

/// What each operation uses of the previous schema; `None` for one that is not valid there.
fn usages(before: &Router, operations: &[Checked]) -> anyhow::Result<Vec<Option<Usage>>> {
    let operations: Vec<_> = operations
        .iter()
        .map(|one| ClientOperation {
            label: one.operation.name.clone(),
            document: (*one.operation.document).to_owned(),
            operation_name: None,
        })
        .collect();
    let usages = operation_usages(before.api_sdl(), &operations)?;
    Ok(usages.into_iter().map(Result::ok).collect())
}
