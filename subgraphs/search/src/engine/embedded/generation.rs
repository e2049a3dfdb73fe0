//! One index after another in one directory: each in a folder of its own, and a file that names
//! the current one. Putting a name in place of another is atomic, so a search sees either index
//! whole; other processes notice by the name.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tantivy::{Index, IndexReader, ReloadPolicy};
use uuid::Uuid;

use super::fields::{self, Fields};
use crate::engine::EngineError;

const CURRENT: &str = "CURRENT";
const LOCK: &str = "rebuild.lock";

/// An index that is searched.
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
                // An index is never changed once it is current: another takes its place.
                .reload_policy(ReloadPolicy::Manual)
                .try_into()?,
        })
    }
}

/// The name of the current index, if there is one of this version.
pub(super) fn current(directory: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(directory.join(CURRENT)) {
        Ok(name) => Ok(name.starts_with(&prefix()).then_some(name)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A folder for the next index, held against other builders in this and other processes until it
/// is dropped; then it is removed, unless it became the current one.
pub(super) struct NextGeneration {
    directory: PathBuf,
    name: String,
    published: bool,
    _lock: File,
}

impl NextGeneration {
    /// Waits for other builders.
    pub(super) fn create(directory: &Path) -> io::Result<Self> {
        remove_unless(directory, Path::is_dir)?;
        fs::create_dir_all(directory)?;
        for file in [LOCK, CURRENT] {
            remove_unless(&directory.join(file), Path::is_file)?;
        }
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join(LOCK))?;
        lock.lock()?;
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

    /// Makes this the current index, and removes those before it. Who still searches one keeps
    /// its open files.
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

/// Removes what is in the place of something else.
fn remove_unless(path: &Path, is_right: impl Fn(&Path) -> bool) -> io::Result<()> {
    if is_right(path) || fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    tracing::warn!(path = %path.display(), "something else is in the place of the search index and is removed");
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
            tracing::warn!(%error, "an unfinished search index could not be removed");
        }
    }
}

/// What the names of this version's indexes begin with.
fn prefix() -> String {
    format!("{}-", fields::VERSION)
}
