//! Objects as files in a directory: enough for a single instance.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use url::Url;
use uuid::Uuid;

use super::{ObjectError, ObjectKey, Objects, check_size};
use crate::clock::Clock;

/// Files under a directory, named like the objects. A file's modification time is the object's.
#[derive(Clone, Debug)]
pub struct LocalObjects {
    directory: PathBuf,
    clock: Clock,
}

impl LocalObjects {
    /// Creates the directory with the first object.
    pub fn new(directory: impl Into<PathBuf>, clock: Clock) -> Self {
        Self {
            directory: directory.into(),
            clock,
        }
    }

    /// Runs file operations on a thread that may block.
    async fn blocking<T: Send + 'static>(
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|cut| Err(io::Error::other(cut)))
    }

    fn file(&self, key: &ObjectKey) -> PathBuf {
        self.directory.join(key.as_str())
    }
}

#[async_trait]
impl Objects for LocalObjects {
    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), ObjectError> {
        check_size(key, bytes.len() as u64)?;
        let (file, now) = (self.file(key), self.clock.now());
        Self::blocking(move || write(&file, &bytes, now.into()))
            .await
            .map_err(|error| ObjectError::File(key.clone(), error))
    }

    async fn get(&self, key: &ObjectKey) -> Result<Option<Bytes>, ObjectError> {
        let file = self.file(key);
        Self::blocking(move || absent_is_none(fs::read(file)))
            .await
            .map(|read| read.map(Bytes::from))
            .map_err(|error| ObjectError::File(key.clone(), error))
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        let file = self.file(key);
        Self::blocking(move || absent_is_none(fs::remove_file(file)))
            .await
            .map(drop)
            .map_err(|error| ObjectError::File(key.clone(), error))
    }

    async fn delete_older_than(
        &self,
        folder: &ObjectKey,
        cutoff: DateTime<Utc>,
    ) -> Result<u64, ObjectError> {
        let directory = self.file(folder);
        Self::blocking(move || sweep(&directory, cutoff.into()))
            .await
            .map_err(ObjectError::Directory)
    }

    /// A directory that is missing is created with the first object.
    async fn check(&self) -> Result<(), ObjectError> {
        let directory = self.directory.clone();
        Self::blocking(move || absent_is_none(fs::read_dir(directory)))
            .await
            .map(drop)
            .map_err(ObjectError::Directory)
    }

    /// A directory has no URL.
    async fn direct_link(&self, _: &ObjectKey, _: Duration) -> Result<Option<Url>, ObjectError> {
        Ok(None)
    }
}

/// Writes under a name that no object can have, syncs, then renames, so that no object is ever half written.
fn write(file: &Path, bytes: &[u8], now: SystemTime) -> io::Result<()> {
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder)?;
    let part = folder.join(format!(".{}.part", Uuid::new_v4().simple()));
    let written = write_part(&part, bytes, now).and_then(|()| fs::rename(&part, file));
    if written.is_err() {
        // Report the first error; the sweep removes the rest.
        let _ = fs::remove_file(&part);
    }
    written
}

fn write_part(part: &Path, bytes: &[u8], now: SystemTime) -> io::Result<()> {
    let mut open = File::create_new(part)?;
    open.write_all(bytes)?;
    open.set_modified(now)?;
    open.sync_all()
}

/// Deletes old files in a directory and below, unfinished ones included. Returns how many objects were deleted.
fn sweep(directory: &Path, cutoff: SystemTime) -> io::Result<u64> {
    let Some(entries) = absent_is_none(fs::read_dir(directory))? else {
        return Ok(0);
    };
    let mut deleted = 0;
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            deleted += sweep(&entry.path(), cutoff)?;
            continue;
        }
        // Another process deleted or renamed it meanwhile.
        let Some(metadata) = absent_is_none(entry.metadata())? else {
            continue;
        };
        if metadata.modified()? < cutoff && absent_is_none(fs::remove_file(entry.path()))?.is_some()
        {
            let is_object = !entry.file_name().to_string_lossy().starts_with('.');
            deleted += u64::from(is_object);
        }
    }
    Ok(deleted)
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new(name).unwrap()
    }

    #[tokio::test]
    async fn an_object_is_what_was_put_last_until_it_is_deleted() {
        let directory = tempfile::tempdir().unwrap();
        let objects = LocalObjects::new(directory.path().join("new"), Clock::system());
        let label = key("returns/a.pdf");
        assert_eq!(objects.get(&label).await.unwrap(), None);
        for bytes in ["first", "second"] {
            objects.put(&label, bytes.into()).await.unwrap();
            let read = objects.get(&label).await.unwrap();
            assert_eq!(read.as_deref(), Some(bytes.as_bytes()));
        }
        let folder = directory.path().join("new/returns");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "no parts left");
        objects.delete(&label).await.unwrap();
        objects.delete(&label).await.unwrap();
        assert_eq!(objects.get(&label).await.unwrap(), None);
    }

    #[tokio::test]
    async fn only_what_is_older_is_swept() {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::manual("2025-10-09T12:00:00Z".parse().unwrap());
        let objects = LocalObjects::new(directory.path(), clock.clone());
        let (a, b) = (key("a"), key("b"));
        assert_eq!(objects.delete_older_than(&a, clock.now()).await.unwrap(), 0);
        objects.put(&key("a/old.pdf"), "1".into()).await.unwrap();
        let part = directory.path().join("a/.cut.part");
        write_part(&part, b"1", clock.now().into()).unwrap();
        clock.advance(TimeDelta::days(1));
        objects.put(&key("a/new.pdf"), "2".into()).await.unwrap();

        clock.advance(TimeDelta::days(89));
        let cutoff = clock.now() - TimeDelta::days(90);
        assert_eq!(objects.delete_older_than(&a, cutoff).await.unwrap(), 0);
        let cutoff = cutoff + TimeDelta::milliseconds(1);
        assert_eq!(objects.delete_older_than(&b, cutoff).await.unwrap(), 0);
        assert_eq!(objects.delete_older_than(&a, cutoff).await.unwrap(), 1);
        assert!(!part.exists());
        assert_eq!(objects.get(&key("a/old.pdf")).await.unwrap(), None);
        assert!(objects.get(&key("a/new.pdf")).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_directory_that_cannot_be_used_is_an_error_that_names_the_object() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let objects = LocalObjects::new(file.path(), Clock::system());
        let error = objects.put(&key("a.pdf"), "1".into()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the file of object a.pdf could not be used"
        );
    }
}
