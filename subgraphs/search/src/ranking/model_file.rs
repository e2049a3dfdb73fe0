//! The ranking model in use, which is replaced when its file changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use platform::reload::{Reload, Reloader};
use platform::supervisor::Supervisor;

use super::model::{RankingModel, RankingModelError};

/// Models have some 1,000 bytes per tree.
const MAX_BYTES: u64 = 16 << 20;

/// The model in use: by default the one of this build. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct CurrentModel(Arc<ArcSwap<RankingModel>>);

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    #[error("the ranking model in {path} cannot be read")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the ranking model in {path} has {bytes} bytes, more than {MAX_BYTES}")]
    TooLarge { path: PathBuf, bytes: u64 },
    #[error(
        "the ranking model in {path} cannot be used: {source} (write it with LightGBM's save_model)"
    )]
    Invalid {
        path: PathBuf,
        source: RankingModelError,
    },
}

impl CurrentModel {
    /// The model in a file, which is read again whenever it changes. A later version that is not valid is not used:
    /// the log, `/readyz` and `vantage_file_usable` report it.
    ///
    /// # Errors
    /// If the file is not valid at first.
    pub fn open(
        path: &Path,
        interval: Duration,
        supervisor: &Supervisor,
    ) -> Result<Self, ModelFileError> {
        let current = Self::default();
        let file = ModelFile {
            path: path.to_owned(),
            current: current.clone(),
        };
        let text = file.read_text()?;
        file.replace(&text)?;
        Reloader::of(file, text, supervisor).start(interval);
        Ok(current)
    }

    pub(super) fn load(&self) -> Arc<RankingModel> {
        self.0.load_full()
    }
}

struct ModelFile {
    path: PathBuf,
    current: CurrentModel,
}

impl ModelFile {
    fn read_text(&self) -> Result<String, ModelFileError> {
        let failed = |source| ModelFileError::Read {
            path: self.path.clone(),
            source,
        };
        let bytes = std::fs::metadata(&self.path).map_err(failed)?.len();
        if bytes > MAX_BYTES {
            return Err(ModelFileError::TooLarge {
                path: self.path.clone(),
                bytes,
            });
        }
        std::fs::read_to_string(&self.path).map_err(failed)
    }

    /// Returns the number of trees.
    fn replace(&self, text: &str) -> Result<usize, ModelFileError> {
        let model = RankingModel::parse(text).map_err(|source| ModelFileError::Invalid {
            path: self.path.clone(),
            source,
        })?;
        let trees = model.trees();
        self.current.0.store(Arc::new(model));
        Ok(trees)
    }
}

#[async_trait]
impl Reload for ModelFile {
    type Contents = String;
    type Error = ModelFileError;

    const NAME: &'static str = "ranking_model";

    async fn read(&self) -> Result<String, ModelFileError> {
        // Some 100 KB, from the file system's cache.
        self.read_text()
    }

    async fn apply(&mut self, text: &String) -> Result<Option<String>, ModelFileError> {
        let trees = self.replace(text)?;
        Ok(Some(format!("{trees} trees")))
    }
}
