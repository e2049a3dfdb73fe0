//! `vantage customer export ID`: writes what is stored of a customer, a page at a time. It only reads.

use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use platform::clock::Clock;
use platform::database::ReadOnly;
use resolvers::export::{Export, ExportError};
use serde_json::{Map, json};
use uuid::Uuid;

use crate::cli::CustomerExport;
use crate::domains::{self, Domain};
use crate::output;

pub(super) async fn run(command: &CustomerExport) -> anyhow::Result<()> {
    let customer = super::parse(&command.customer)?;
    let configuration = super::configuration(&command.settings)?;
    let chosen = command.domain.map_or(Domain::ALL.to_vec(), |one| vec![one]);
    let (mut databases, mut missing) = (Vec::new(), Vec::new());
    for domain in chosen {
        match domains::open_read_only(&configuration, domain).await? {
            Some(database) => databases.push((domain, database)),
            None => missing.push(domain.name()),
        }
    }
    if databases.is_empty() {
        bail!("none of the databases is here: use the settings of a process that serves a domain");
    }
    let source = Source {
        id: &command.customer,
        customer,
        databases: &databases,
        missing: &missing,
    };
    let rows = match &command.output {
        Some(file) => write_file(file, &source).await?,
        None => {
            let mut output = BufWriter::new(std::io::stdout());
            source.write(&mut output).await?
        }
    };
    for (_, database) in &databases {
        database.close().await;
    }
    for name in &missing {
        output::note(&format!(
            "note: {name} not exported: its database is not here; export it where its process runs, with --domain {name}"
        ));
    }
    if rows == 0 {
        output::note(&nothing(&command.customer, command.domain));
    }
    Ok(())
}

/// What to export.
struct Source<'a> {
    id: &'a str,
    customer: Uuid,
    databases: &'a [(Domain, ReadOnly)],
    /// Domains whose databases are elsewhere.
    missing: &'a [&'static str],
}

impl Source<'_> {
    /// Writes the document, and returns how many rows it has.
    async fn write(&self, output: &mut dyn Write) -> anyhow::Result<u64> {
        let members = Map::from_iter([
            ("customerId".to_owned(), json!(self.id)),
            ("exportedAt".to_owned(), json!(Clock::system().now())),
            ("notExported".to_owned(), json!(self.missing)),
        ]);
        let mut export = Export::begin(output, &members)?;
        for (domain, database) in self.databases {
            // Each domain's rows are of one moment.
            let transaction = database.begin().await?;
            export.begin_domain(domain.name())?;
            let exported = domain.export(&transaction, self.customer, &mut export);
            exported.await.map_err(|error| match error {
                ExportError::Database(_) => anyhow::Error::from(error).context(domain.name()),
                // Of no domain.
                ExportError::Write(_) => anyhow::Error::from(error),
            })?;
            export.end_domain()?;
            transaction.end().await;
        }
        Ok(export.end()?)
    }
}

/// Writes the document to a file that only the user can read, and that is there as a whole or not at all.
async fn write_file(file: &Path, source: &Source<'_>) -> anyhow::Result<u64> {
    let cannot_write = || format!("cannot write {}", file.display());
    let file = &destination(file).with_context(cannot_write)?;
    // Temporary files have the mode 0600.
    let draft = tempfile::NamedTempFile::new_in(directory(file)).with_context(cannot_write)?;
    let mut output = BufWriter::new(draft);
    let rows = source.write(&mut output).await?;
    let draft = output
        .into_inner()
        .map_err(|error| error.into_error())
        .with_context(cannot_write)?;
    draft.as_file().sync_all().with_context(cannot_write)?;
    draft.persist(file).with_context(cannot_write)?;
    output::note(&format!("wrote {rows} rows to {}", file.display()));
    Ok(rows)
}

/// What the document replaces: of a link the file that it names. Devices, pipes and directories are never replaced.
pub(super) fn destination(file: &Path) -> anyhow::Result<PathBuf> {
    match std::fs::metadata(file) {
        Ok(found) if found.is_file() => Ok(std::fs::canonicalize(file)?),
        Ok(_) => bail!(
            "it is no regular file: choose another, or print the document by leaving out --output"
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(file.to_owned()),
        Err(error) => Err(error.into()),
    }
}

/// Said of a document without rows.
pub(super) fn nothing(id: &str, domain: Option<Domain>) -> String {
    match domain {
        Some(domain) => format!("note: nothing is stored of {id} in {}", domain.name()),
        None => format!("note: nothing is stored of {id}: check that it is the right customer"),
    }
}

/// Where the file is.
pub(super) fn directory(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
