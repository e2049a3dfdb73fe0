//! Adds operations to a client's manifest.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use router::Router;
use router::clients::{
    ManifestOperation, RegisteredOperation, Sha256Hash, extend_manifest, read_manifest,
};

use crate::clients_file::{self, ClientsFile, Edit};
use crate::output;

pub(super) async fn run(
    mut file: ClientsFile,
    router: &Router,
    client: &str,
    operations: &Path,
) -> anyhow::Result<()> {
    let shown = operations.display();
    let mut added = Vec::new();
    for entry in read(operations)? {
        let id = entry.id.clone();
        let operation = RegisteredOperation::new(entry, operations)
            .with_context(|| format!("operation `{id}` of {shown} cannot be registered"))?;
        if operation.name == operation.id {
            bail!("operation `{id}` of {shown} has no name: give it one, for metrics and logs");
        }
        if let Err(errors) = operation.check(router).await {
            let errors: Vec<_> = errors.iter().map(|error| error.message.as_str()).collect();
            let errors = errors.join("; ");
            bail!(
                "operation `{}` of {shown} is not valid against the schema: {errors}",
                operation.name
            );
        }
        added.push(operation);
    }
    let named = file.list(client, "manifests")?;
    let first = named.first().and_then(|manifest| manifest.as_str());
    let manifest = match first {
        Some(manifest) => PathBuf::from(manifest),
        None => default_manifest(client),
    };
    let path = file.directory().join(&manifest);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    };
    let (text, new) = extend_manifest(text.as_deref(), &added)
        .with_context(|| format!("manifest {}", path.display()))?;
    clients_file::replace(&path, &text)?;
    if first.is_none() {
        let item = serde_json::to_string(&manifest)?;
        file.edit(&Edit::Append {
            client,
            key: "manifests",
            item: &item,
        })?;
    }
    output::line(&format!(
        "added {new} of {} operations to {}",
        added.len(),
        path.display()
    ))
}

/// Reads a manifest, or a document as a manifest with one operation.
fn read(file: &Path) -> anyhow::Result<Vec<ManifestOperation>> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
    if file
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        return read_manifest(&text).with_context(|| format!("{shown} is not a manifest"));
    }
    // Editors end a file with a line break, which clients do not send.
    let body = text.trim().to_owned();
    Ok(vec![ManifestOperation {
        id: Sha256Hash::of(body.as_bytes()).to_string(),
        name: None,
        kind: None,
        body,
    }])
}

/// The manifest for a client that does not have one yet.
fn default_manifest(client: &str) -> PathBuf {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name = client.replace(|c: char| !is_plain(c), "-");
    Path::new("operations").join(format!("{name}.json"))
}
