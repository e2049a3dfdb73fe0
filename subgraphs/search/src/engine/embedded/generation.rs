//! Generations of the index: each in its own folder under one directory, with a file that names the current one.
//! Replacing the file is atomic, so a search always sees a complete index; other processes notice the new name.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use tantivy::{Index, IndexReader, ReloadPolicy};
use uuid::Uuid;

use super::fields::{self, Fields};
use crate::engine::EngineError;

const CURRENT: &str = "CURRENT";
const LOCK: &str = "rebuild.lock";

/// An index that can be searched.
pub(super) struct Generation {
    pub name: String,
    pub reader: IndexReader,
    pub fields: Fields,
}

impl Generation {
    pub(super) fn open(directory: &Path, name: String) -> Result<Self, EngineError> {
        let index = Index::open_in_dir(directory.join(&name))?;
        Ok(Self {
            name,
            fields: Fields::of(&index)?,
            reader: index
                .reader_builder()
                // Whoever changes the index reloads it.
                .reload_policy(ReloadPolicy::Manual)
                .try_into()?,
        })
    }
}

/// When the index of this name was begun.
pub(super) fn begun_at(name: &str) -> Option<DateTime<Utc>> {
    let id = Uuid::try_parse(name.strip_prefix(&prefix())?).ok()?;
    let (seconds, nanoseconds) = id.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanoseconds)
}

/// Excludes others who write the directory, in any process, until it is dropped.
pub(super) fn lock(directory: &Path) -> io::Result<File> {
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(directory.join(LOCK))?;
    lock.lock()?;
    Ok(lock)
}

/// The name of the current index, if there is one of this version.
pub(super) fn current(directory: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(directory.join(CURRENT)) {
        Ok(name) => Ok(name.starts_with(&prefix()).then_some(name)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A folder for the next index, locked against other builders in any process. Dropping it removes the folder, unless it
/// was published.
pub(super) struct NextGeneration {
    directory: PathBuf,
    name: String,
    published: bool,
    _lock: File,
}

impl NextGeneration {
    /// Creates the folder, waiting for other builders.
    pub(super) fn create(directory: &Path) -> io::Result<Self> {
        remove_unless(directory, Path::is_dir)?;
        fs::create_dir_all(directory)?;
        for file in [LOCK, CURRENT] {
            remove_unless(&directory.join(file), Path::is_file)?;
        }
        let lock = lock(directory)?;
        let next = Self {
            directory: directory.to_owned(),
            name: format!("{}{}", prefix(), Uuid::now_v7().simple()),
            published: false,
            _lock: lock,
        };
        fs::create_dir(next.folder())?;
        Ok(next)
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.directory.join(&self.name)
    }

    /// Makes this the current index and removes earlier ones. Running searches keep their open files.
    pub(super) fn publish(mut self) -> io::Result<()> {
        let draft = self.directory.join(format!("{CURRENT}.next"));
        fs::write(&draft, &self.name)?;
        File::open(&draft)?.sync_all()?;
        fs::rename(&draft, self.directory.join(CURRENT))?;
        self.published = true;
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() && entry.file_name() != self.name.as_str() {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

/// Removes a path that is not of the right kind.
fn remove_unless(path: &Path, is_right: impl Fn(&Path) -> bool) -> io::Result<()> {
    if is_right(path) || fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    tracing::warn!(path = %path.display(), "unexpected file in place of the search index, removing it");
    match path.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
}

impl Drop for NextGeneration {
    fn drop(&mut self) {
        if !self.published
            && let Err(error) = fs::remove_dir_all(self.folder())
        {
            tracing::warn!(%error, "unfinished search index not removed");
        }
    }
}

/// The name prefix of this version's indexes.
fn prefix() -> String {
    format!("{}-", fields::VERSION)
}
