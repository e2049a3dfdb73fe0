//! Generations of the index: each in its own folder under one directory, with a file that names the current one.
//! Replacing the file is atomic, so a search always sees a complete index; other processes notice the new name.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tantivy::{Index, IndexReader, ReloadPolicy};
use uuid::Uuid;

use super::columns::ColumnCache;
use super::fields::{self, Fields};
use crate::engine::EngineError;
use crate::engine::word_weights::WordWeights;
use crate::rules::analysis::{Analysis, AnalysisFiles};

const CURRENT: &str = "CURRENT";
/// Locked by whoever builds an index.
const BUILD_LOCK: &str = "rebuild.lock";
/// Locked by whoever changes the current index or replaces it.
const WRITE_LOCK: &str = "write.lock";
/// In the folder of an index.
const SETTINGS: &str = "settings.json";

/// An index that can be searched.
pub(super) struct Generation {
    pub name: String,
    pub reader: IndexReader,
    pub fields: Fields,
    pub analysis: Arc<Analysis>,
    pub weights: WordWeights,
    pub columns: ColumnCache,
}

/// What stays the same for as long as an index is used.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Settings {
    pub analysis: AnalysisFiles,
    pub weights: WordWeights,
}

impl Settings {
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let file = File::create(folder.join(SETTINGS))?;
        serde_json::to_writer(&file, self)?;
        file.sync_all()
    }

    fn read(folder: &Path) -> Result<Self, EngineError> {
        let text = fs::read(folder.join(SETTINGS))?;
        Ok(serde_json::from_slice(&text).map_err(io::Error::from)?)
    }
}

impl Generation {
    pub(super) fn open(directory: &Path, name: String) -> Result<Self, EngineError> {
        let folder = directory.join(&name);
        let index = Index::open_in_dir(&folder)?;
        let settings = Settings::read(&folder)?;
        Ok(Self {
            name,
            analysis: Arc::new(Analysis::parse(&settings.analysis)?),
            weights: settings.weights,
            columns: ColumnCache::default(),
            fields: Fields::of(&index)?,
            reader: index
                .reader_builder()
                // Whoever changes the index reloads it.
                .reload_policy(ReloadPolicy::Manual)
                .try_into()?,
        })
    }

    /// Lets searches see what was committed.
    pub(super) fn reload(&self) -> Result<(), EngineError> {
        self.reader.reload()?;
        self.columns.retain(&self.reader.searcher());
        Ok(())
    }
}

/// When the index of this name was begun.
pub(super) fn begun_at(name: &str) -> Option<DateTime<Utc>> {
    let id = Uuid::try_parse(name.strip_prefix(&prefix())?).ok()?;
    let (seconds, nanoseconds) = id.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanoseconds)
}

/// Excludes others who change the current index, in any process, until it is dropped.
pub(super) fn lock(directory: &Path) -> io::Result<File> {
    lock_file(&directory.join(WRITE_LOCK))
}

fn lock_file(path: &Path) -> io::Result<File> {
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    lock.lock()?;
    Ok(lock)
}

/// The name of the current index, if there is one of this version. Whatever else is in its place names no index, and is
/// replaced by the next.
pub(super) fn current(directory: &Path) -> io::Result<Option<String>> {
    use io::ErrorKind::{InvalidData, IsADirectory, NotADirectory, NotFound};
    match fs::read_to_string(directory.join(CURRENT)) {
        Ok(name) => Ok(name.starts_with(&prefix()).then_some(name)),
        Err(error) => match error.kind() {
            NotFound | InvalidData | IsADirectory | NotADirectory => Ok(None),
            _ => Err(error),
        },
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
        for file in [BUILD_LOCK, WRITE_LOCK, CURRENT] {
            remove_unless(&directory.join(file), Path::is_file)?;
        }
        let lock = lock_file(&directory.join(BUILD_LOCK))?;
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
        File::open(self.folder())?.sync_all()?;
        let _lock = lock(&self.directory)?;
        let draft = self.directory.join(format!("{CURRENT}.next"));
        fs::write(&draft, &self.name)?;
        File::open(&draft)?.sync_all()?;
        fs::rename(&draft, self.directory.join(CURRENT))?;
        File::open(&self.directory)?.sync_all()?;
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
