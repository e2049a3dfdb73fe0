//! The data directory: private to its owner, checked for missing databases, and with each database served by one
//! process.
//!
//! Each domain has a file in `domains`. The process that serves the domain holds a lock on it, and its content records
//! whether the domain's database was created: one that was created and does not exist, or is empty, is missing.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use platform::database::was_migrated;
use uuid::Uuid;

use crate::config::Configuration;
use crate::domains::Domain;

const DOMAINS: &str = "domains";
const CREATED: &str = "created\n";

/// Which databases a command may create.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Missing<'a> {
    /// None: the command only works on existing databases.
    Refuse,
    /// Databases that never existed; a missing one only if it is listed here.
    Create(&'a [Domain]),
}

/// The directory of embedded databases.
#[derive(Clone, Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
}

/// Locks on served domains, released when dropped.
#[derive(Debug)]
pub(crate) struct Serving {
    _locks: Vec<File>,
}

impl DataDirectory {
    /// The directory, if this configuration keeps its databases there.
    pub(crate) fn of_databases(configuration: &Configuration) -> Option<Self> {
        configuration
            .database_url
            .is_none()
            .then(|| Self::at(&configuration.data))
    }

    pub(crate) fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// The file of a domain's database.
    pub(crate) fn database(&self, domain: Domain) -> PathBuf {
        self.path.join(format!("{}.sqlite", domain.name()))
    }

    /// The domains whose databases exist. A missing one is an error.
    pub(crate) async fn existing(&self) -> anyhow::Result<Vec<Domain>> {
        let mut existing = Vec::new();
        for domain in Domain::ALL {
            let file = self.database(domain);
            if was_migrated(&file, domain.name()).await? {
                existing.push(domain);
            } else if self.was_created(domain)? {
                bail!(
                    "the {} database {} {}, but it was there before",
                    domain.name(),
                    file.display(),
                    absence(&file)
                );
            }
        }
        Ok(existing)
    }

    fn domain(&self, domain: Domain) -> PathBuf {
        self.path.join(DOMAINS).join(domain.name())
    }

    /// Fails if the database is missing, or if only an empty file of it is left.
    pub(crate) async fn check(&self, domain: Domain, missing: Missing<'_>) -> anyhow::Result<()> {
        if let Missing::Create(_) = missing {
            self.prepare()?;
        }
        let file = self.database(domain);
        if was_migrated(&file, domain.name()).await? {
            return Ok(());
        }
        let name = domain.name();
        let Missing::Create(named) = missing else {
            bail!(
                "there is no {name} database at {}: choose another directory with --data, or run `vantage serve` or \
                 `vantage seed` first",
                file.display()
            );
        };
        if self.was_created(domain)? && !named.contains(&domain) {
            bail!(
                "the {name} database {} {}, but it was there before: restore it from a backup, or create an empty \
                 one with --create-database {name}",
                file.display(),
                absence(&file)
            );
        }
        Ok(())
    }

    /// Records that the domain's database exists.
    pub(crate) fn created(&self, domain: Domain) -> anyhow::Result<()> {
        self.prepare()?;
        if !self.was_created(domain)? {
            let file = self.domain(domain);
            fs::write(&file, CREATED)
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(())
    }

    fn was_created(&self, domain: Domain) -> anyhow::Result<bool> {
        let file = self.domain(domain);
        match fs::read_to_string(&file) {
            Ok(text) => Ok(text == CREATED),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }

    /// Locks the domains while they are served. Processes that share messages over Redis may serve the same domains; a
    /// process that does not must be alone, or watchers in other processes would miss its messages.
    pub(crate) fn serve(&self, domains: &[Domain], shares: bool) -> anyhow::Result<Serving> {
        self.prepare()?;
        let mut locks = Vec::new();
        for &domain in domains {
            let path = self.domain(domain);
            let lock = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
                .with_context(|| format!("cannot write {}", path.display()))?;
            let locked = match shares {
                true => lock.try_lock_shared(),
                false => lock.try_lock(),
            };
            match locked {
                Ok(()) => locks.push(lock),
                Err(TryLockError::WouldBlock) => bail!(
                    "another process serves {} from the data directory {}: stop it, choose another directory with \
                     --data, or let both share Redis (redis_url)",
                    domain.name(),
                    self.path.display()
                ),
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("cannot lock {}", path.display()));
                }
            }
        }
        Ok(Serving { _locks: locks })
    }

    /// Creates the directory and makes its contents private. Databases without any record of them come from an earlier
    /// version, which created all domains it served: any that does not exist is missing.
    fn prepare(&self) -> anyhow::Result<()> {
        create_private(&self.path)?;
        let domains = self.path.join(DOMAINS);
        if domains.exists() {
            return Ok(());
        }
        let is_earlier = Domain::ALL
            .iter()
            .any(|&domain| self.database(domain).exists());
        // Renamed into place, so that processes that start together agree.
        let draft = self
            .path
            .join(format!("{DOMAINS}.{}", Uuid::now_v7().simple()));
        let written = fs::create_dir(&draft).and_then(|()| {
            for domain in Domain::ALL.iter().filter(|_| is_earlier) {
                fs::write(draft.join(domain.name()), CREATED)?;
            }
            fs::rename(&draft, &domains)
        });
        if written.is_err() {
            // Report the first error, if it is one: another process may have been faster.
            let _ = fs::remove_dir_all(&draft);
        }
        match written {
            Err(error) if !domains.exists() => {
                Err(error).with_context(|| format!("cannot write {}", domains.display()))
            }
            _ => Ok(()),
        }
    }
}

/// Why a database counts as missing.
fn absence(file: &Path) -> &'static str {
    if file.exists() {
        "is empty"
    } else {
        "is missing"
    }
}

/// Creates the directory if necessary. Existing contents, and whatever this process creates from now on, are readable
/// by their owner only.
pub(crate) fn create_private(path: &Path) -> anyhow::Result<()> {
    restrict_new_files();
    fs::create_dir_all(path).with_context(|| {
        format!(
            "cannot create the data directory {}; choose another with --data",
            path.display()
        )
    })?;
    make_private(path).with_context(|| {
        format!(
            "cannot make the data directory {} private; choose another with --data",
            path.display()
        )
    })
}

#[cfg(unix)]
fn restrict_new_files() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

#[cfg(not(unix))]
fn restrict_new_files() {}

/// Permission bits of group and others.
#[cfg(unix)]
const OTHERS: u32 = 0o077;
/// Set on world-writable directories such as /tmp.
#[cfg(unix)]
const STICKY: u32 = 0o1000;

/// A directory that already has the right mode got it after everything inside it.
#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        // Deleted meanwhile.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mode = metadata.permissions().mode();
    if mode & OTHERS == 0 || mode & STICKY != 0 || metadata.is_symlink() {
        return Ok(());
    }
    let private = || -> io::Result<()> {
        if metadata.is_dir() {
            for entry in fs::read_dir(path)? {
                make_private(&entry?.path())?;
            }
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode & !OTHERS))
    };
    match private() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        // It belongs to another user, who decides.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            tracing::warn!(path = %path.display(), "other users can read files in the data directory");
            Ok(())
        }
        done => done,
    }
}

#[cfg(not(unix))]
fn make_private(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
