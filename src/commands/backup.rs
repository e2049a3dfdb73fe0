//! `vantage backup DIR` and `vantage restore DIR`: copies the data directory while it is in use, and back.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use platform::clock::Clock;
use platform::database::snapshot::{self, DatabaseCopy};
use platform::database::was_migrated;
use serde::{Deserialize, Serialize};

use crate::cli::{Backup, Restore};
use crate::config::Configuration;
use crate::data_directory::{self, DataDirectory, Missing};
use crate::domains::Domain;
use crate::output;

/// Written last: a backup without it is incomplete.
const MANIFEST: &str = "backup.json";
/// The version of the backup format.
const FORMAT: u32 = 1;
/// Labels and other files, if they are kept in the data directory.
const OBJECTS: &str = "objects";
/// The suffix of generated keys.
const KEY: &str = "key";

/// The description of a backup.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    format: u32,
    /// The version of the program that made it.
    version: String,
    created_at: DateTime<Utc>,
    /// Domains whose databases it contains.
    databases: Vec<String>,
}

/// Files copied in addition to the databases.
#[derive(Debug, Default)]
struct Files {
    keys: usize,
    objects: usize,
}

pub(crate) async fn back_up(command: Backup) -> anyhow::Result<()> {
    let configuration = Configuration::load(
        command.settings.config.as_deref(),
        std::env::vars_os(),
        &command.settings.overrides(None),
    )?;
    let Some(data) = DataDirectory::of_databases(&configuration) else {
        bail!(
            "the databases are in PostgreSQL: back them up with `pg_dump --format=custom`, which copies all schemas \
             consistently, and then copy the directory {} with the files and keys",
            configuration.data.display()
        );
    };
    let domains = data.existing().await?;
    if domains.is_empty() {
        bail!(
            "there are no databases in {}: choose another directory with --data",
            configuration.data.display()
        );
    }
    let to = &command.directory;
    if !is_empty(to)? {
        bail!(
            "{} is not empty: choose a directory that is empty or does not exist",
            to.display()
        );
    }
    data_directory::create_private(to)?;
    // Databases first: an object's file is written before the row that refers to it.
    let copies: Vec<_> = domains
        .iter()
        .map(|&domain| DatabaseCopy {
            from: data.database(domain),
            to: DataDirectory::at(to).database(domain),
        })
        .collect();
    snapshot::snapshot_all(&copies).await?;
    let files = copy_files(&configuration.data, to)?;
    let manifest = Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        created_at: Clock::system().now(),
        databases: domains
            .iter()
            .map(|domain| domain.name().to_owned())
            .collect(),
    };
    write(
        &to.join(MANIFEST),
        serde_json::to_string_pretty(&manifest)?.as_bytes(),
    )?;
    output::line(&format!(
        "backed up {} databases, {} keys and {} files to {}",
        domains.len(),
        files.keys,
        files.objects,
        to.display()
    ))?;
    if configuration.objects.s3.is_some() {
        output::line("files in objects.s3 are not in the backup: they stay in their bucket")?;
    }
    Ok(())
}

pub(crate) async fn restore(command: Restore) -> anyhow::Result<()> {
    let configuration = Configuration::load(
        command.settings.config.as_deref(),
        std::env::vars_os(),
        &command.settings.overrides(None),
    )?;
    let (from, to) = (&command.directory, &configuration.data);
    if configuration.database_url.is_some() {
        bail!(
            "the configuration names a PostgreSQL database (database_url): restore that with `pg_restore`, or leave \
             database_url out to restore embedded databases"
        );
    }
    let domains = read_manifest(from)?;
    if !is_empty(to)? {
        bail!(
            "the data directory {} is not empty: move it away, or restore into another with --data",
            to.display()
        );
    }
    let (backup, data) = (DataDirectory::at(from), DataDirectory::at(to));
    for &domain in &domains {
        let copy = backup.database(domain);
        snapshot::check(&copy).await?;
        if !was_migrated(&copy, domain.name()).await? {
            bail!(
                "{} is no complete backup: {} is empty",
                from.display(),
                copy.display()
            );
        }
    }
    // From here on, an interrupted restore leaves databases marked as missing, which are not silently recreated.
    for &domain in &domains {
        data.created(domain)?;
    }
    let files = copy_files(from, to)?;
    for &domain in &domains {
        copy(&backup.database(domain), &data.database(domain))?;
        data.check(domain, Missing::Refuse).await?;
    }
    output::line(&format!(
        "restored {} databases, {} keys and {} files into {}: start it with `vantage serve --data {}`",
        domains.len(),
        files.keys,
        files.objects,
        to.display(),
        to.display()
    ))
}

/// The domains of a complete backup.
fn read_manifest(backup: &Path) -> anyhow::Result<Vec<Domain>> {
    let path = backup.join(MANIFEST);
    let text = fs::read_to_string(&path).with_context(|| {
        format!(
            "{} is not a complete backup: cannot read {}",
            backup.display(),
            path.display()
        )
    })?;
    let manifest: Manifest =
        serde_json::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
    if manifest.format != FORMAT {
        bail!(
            "{} was made by vantage {}, in a format that this version cannot read: restore it with that version",
            backup.display(),
            manifest.version
        );
    }
    let domain = |name: &String| {
        let all = Domain::ALL.into_iter();
        all.into_iter()
            .find(|domain| domain.name() == name)
            .with_context(|| format!("{} names an unknown domain: {name:?}", path.display()))
    };
    manifest.databases.iter().map(domain).collect()
}

/// Copies keys and objects; the search index is derived and will be rebuilt.
fn copy_files(from: &Path, to: &Path) -> anyhow::Result<Files> {
    let mut files = Files::default();
    for path in entries(from)? {
        if path.extension().is_some_and(|extension| extension == KEY) {
            copy(&path, &to.join(path.file_name().unwrap_or_default()))?;
            files.keys += 1;
        }
    }
    let objects = from.join(OBJECTS);
    if objects.exists() {
        files.objects = copy_directory(&objects, &to.join(OBJECTS))?;
    }
    Ok(files)
}

/// Copies the files of a directory recursively, and returns how many there were.
fn copy_directory(from: &Path, to: &Path) -> anyhow::Result<usize> {
    fs::create_dir_all(to).with_context(|| format!("cannot write {}", to.display()))?;
    let mut copied = 0;
    for path in entries(from)? {
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() {
            copied += copy_directory(&path, &to.join(name))?;
        } else if !name.to_string_lossy().starts_with('.') && copy(&path, &to.join(name))? {
            copied += 1;
        }
    }
    Ok(copied)
}

/// Copies a file completely, with its modification time, which determines when an object expires. Skips one that has
/// been deleted meanwhile.
fn copy(from: &Path, to: &Path) -> anyhow::Result<bool> {
    let part = to.with_added_extension("part");
    let copied = fs::copy(from, &part).and_then(|_| {
        let file = fs::File::options().write(true).open(&part)?;
        file.set_modified(fs::metadata(from)?.modified()?)?;
        file.sync_all()?;
        fs::rename(&part, to)
    });
    match copied {
        Ok(()) => Ok(true),
        Err(_) if !from.exists() => {
            // It may not exist yet.
            let _ = fs::remove_file(&part);
            Ok(false)
        }
        Err(error) => Err(error)
            .with_context(|| format!("cannot copy {} to {}", from.display(), to.display())),
    }
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    use std::io::Write;

    fs::File::create(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn is_empty(directory: &Path) -> anyhow::Result<bool> {
    Ok(!directory.exists() || entries(directory)?.is_empty())
}

fn entries(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(directory)?
            .map(|entry| Ok(entry?.path()))
            .collect()
    };
    read().with_context(|| format!("cannot read {}", directory.display()))
}
