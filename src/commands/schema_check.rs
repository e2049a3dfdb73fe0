//! `vantage schema check`: what a new schema changes for the clients of an old one and their operations.

use std::path::Path;

use anyhow::{Context, bail};
use router::schema_changes::{
    Change, ClientOperation, Severity, Usage, operation_usages, schema_changes,
};

use super::{operations, schema};
use crate::cli::{ClientsFile, SchemaCheck};
use crate::output;
use crate::schema_report::{Line, Report};

pub(crate) async fn run(command: SchemaCheck) -> anyhow::Result<()> {
    let old = api_sdl(&command.old)?;
    let (new, new_name) = match &command.new {
        Some(file) => (api_sdl(file)?, file.display().to_string()),
        None => (schema::api_sdl().await?, "this program".to_owned()),
    };
    let mut operations = Vec::new();
    for file in &command.operations {
        operations.extend(read_operations(file)?);
    }
    if let Some(file) = &command.clients {
        operations.extend(registered_operations(&ClientsFile {
            config: command.config.clone(),
            clients: file.clone(),
        })?);
    }
    let usages = usages(&old, &operations)?;
    let changes = schema_changes(&old, &new)?;
    let (lines, unused) = select(changes, &usages, command.all);
    let report = Report {
        old: command.old.display().to_string(),
        new: new_name,
        operations: operations.len(),
        unused,
        changes: lines,
    };
    output::print(&report.write(command.format)?)?;
    match report.count(Severity::Breaking) {
        0 => Ok(()),
        1 => bail!("one change breaks clients of {}", report.old),
        many => bail!("{many} changes break clients of {}", report.old),
    }
}

/// The public schema of a file, which may be a supergraph.
fn api_sdl(file: &Path) -> anyhow::Result<String> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    if !text.contains("join__Graph") {
        return Ok(text);
    }
    router::api_sdl(&text).with_context(|| format!("{} is not usable", file.display()))
}

/// The operations of a manifest, labelled with their name and the file.
fn read_operations(file: &Path) -> anyhow::Result<Vec<ClientOperation>> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the operations {}", file.display()))?;
    let entries = router::clients::read_manifest(&text)
        .with_context(|| format!("{} is not a manifest of operations", file.display()))?;
    let name = file.file_name().unwrap_or(file.as_os_str());
    let operations = entries.into_iter().map(|entry| {
        let label = entry.name.as_ref().unwrap_or(&entry.id);
        ClientOperation {
            label: format!("{label} ({})", name.display()),
            document: entry.body,
            operation_name: entry.name,
        }
    });
    Ok(operations.collect())
}

/// The operations of all registered clients, each by its client and its name.
fn registered_operations(file: &ClientsFile) -> anyhow::Result<Vec<ClientOperation>> {
    let clients = operations::clients(file)?;
    let operations = clients.iter().flat_map(|client| {
        client.operations.iter().map(|operation| ClientOperation {
            label: format!("{}: {}", client.name, operation.name),
            document: (*operation.document).to_owned(),
            operation_name: None,
        })
    });
    Ok(operations.collect())
}

/// Elements of the old schema used by the operations, by label.
fn usages(old: &str, operations: &[ClientOperation]) -> anyhow::Result<Vec<(String, Usage)>> {
    let mut usages = Vec::new();
    let mut errors = Vec::new();
    for (operation, usage) in operations.iter().zip(operation_usages(old, operations)?) {
        match usage {
            Ok(usage) => usages.push((operation.label.clone(), usage)),
            Err(error) => errors.push(error.to_string()),
        }
    }
    if !errors.is_empty() {
        bail!(
            "operations are not valid against the old schema: {}",
            errors.join("; ")
        );
    }
    Ok(usages)
}

/// The relevant changes, and how many are not: if operations are given, those that none of them uses.
fn select(changes: Vec<Change>, usages: &[(String, Usage)], all: bool) -> (Vec<Line>, usize) {
    let mut lines = Vec::new();
    let mut unused = 0;
    for change in changes {
        let concerned = usages.iter().filter(|(_, usage)| change.concerns(usage));
        let concerned: Vec<String> = concerned.map(|(label, _)| label.clone()).collect();
        if concerned.is_empty() && !usages.is_empty() {
            unused += 1;
            if !all {
                continue;
            }
        }
        lines.push(Line {
            change,
            operations: concerned,
        });
    }
    (lines, unused)
}
