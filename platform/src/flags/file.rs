//! Flags from a YAML file that is read again when it changes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use futures::FutureExt;
use open_feature::provider::{FeatureProvider, ProviderMetadata, ResolutionDetails};
use open_feature::{
    EvaluationContext, EvaluationError, EvaluationErrorCode, EvaluationReason, EvaluationResult,
    StructValue,
};
use tokio::sync::Mutex;
use tokio_util::task::AbortOnDropHandle;

use super::rules::{Answer, Definitions};
use crate::supervisor::{Stage, Supervisor};

/// Between two looks, so that no configuration makes a loop that never rests.
const SHORTEST: Duration = Duration::from_millis(10);

/// A provider over a file.
#[derive(Debug)]
pub struct FlagFile {
    metadata: ProviderMetadata,
    definitions: Arc<ArcSwap<Definitions>>,
    /// Ends with the provider.
    _reloading: AbortOnDropHandle<()>,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FlagFileError {
    #[error("the flags in {path} cannot be read")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the flags in {path} cannot be used: {reason}")]
    Parse { path: PathBuf, reason: String },
}

impl FlagFile {
    /// Reads the file, and looks every `interval` whether it says something else, in a task of the
    /// supervisor. Then a file that cannot be used changes nothing, and the log says why.
    pub fn open(
        path: &Path,
        interval: Duration,
        supervisor: &Supervisor,
    ) -> Result<Self, FlagFileError> {
        let source = Source::open(path)?;
        let definitions = source.definitions.clone();
        let interval = interval.max(SHORTEST);
        let source = Arc::new(Mutex::new(source));
        let reloading = supervisor.start(Stage::Support, "flags", move |stop| {
            let source = source.clone();
            stop.run_until_cancelled_owned(async move {
                loop {
                    tokio::time::sleep(interval).await;
                    // A file of a few lines: read sooner than handed to another thread.
                    source.lock().await.look();
                }
            })
            .map(|_: Option<()>| ())
        });
        Ok(Self {
            metadata: ProviderMetadata::new("file"),
            definitions,
            _reloading: AbortOnDropHandle::new(reloading),
        })
    }
}

fn read(path: &Path) -> Result<String, FlagFileError> {
    std::fs::read_to_string(path).map_err(|source| FlagFileError::Read {
        path: path.to_owned(),
        source,
    })
}

fn parse(path: &Path, text: &str) -> Result<Definitions, FlagFileError> {
    Definitions::parse(text).map_err(|error| FlagFileError::Parse {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// A file and what was read of it last.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    text: String,
    is_readable: bool,
    definitions: Arc<ArcSwap<Definitions>>,
}

impl Source {
    fn open(path: &Path) -> Result<Self, FlagFileError> {
        let text = read(path)?;
        let definitions = parse(path, &text)?;
        Ok(Self {
            path: path.to_owned(),
            text,
            is_readable: true,
            definitions: Arc::new(ArcSwap::from_pointee(definitions)),
        })
    }

    /// Looks whether the file says something else. Compares what is read, not times: file systems round
    /// them, and orchestrators swap links.
    fn look(&mut self) {
        let text = match read(&self.path) {
            Ok(text) => text,
            Err(error) => {
                if std::mem::take(&mut self.is_readable) {
                    tracing::error!(%error, "the flags stay as they are");
                }
                return;
            }
        };
        self.is_readable = true;
        if text == self.text {
            return;
        }
        match parse(&self.path, &text) {
            Ok(new) => {
                let changed = changed(&self.definitions.load(), &new);
                self.definitions.store(Arc::new(new));
                tracing::info!(changed, "the flags are read again");
            }
            Err(error) => tracing::error!(%error, "the flags stay as they are"),
        }
        // One that cannot be used is reported once, too.
        self.text = text;
    }
}

fn changed(old: &Definitions, new: &Definitions) -> String {
    let names: BTreeSet<_> = old.names().chain(new.names()).collect();
    let changed: Vec<_> = names
        .into_iter()
        .filter(|name| old.get(name) != new.get(name))
        .collect();
    changed.join(", ")
}

#[async_trait]
impl FeatureProvider for FlagFile {
    fn metadata(&self) -> &ProviderMetadata {
        &self.metadata
    }

    async fn resolve_bool_value(
        &self,
        flag: &str,
        whom: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<bool>> {
        let answer = self.definitions.load().answer(flag, whom);
        let (value, reason) = match answer {
            None => {
                return Err(EvaluationError {
                    code: EvaluationErrorCode::FlagNotFound,
                    message: None,
                });
            }
            Some(Answer::Default(value)) => (value, EvaluationReason::Default),
            Some(Answer::Rule(value)) => (value, EvaluationReason::TargetingMatch),
            Some(Answer::Split(value)) => (value, EvaluationReason::Split),
        };
        Ok(ResolutionDetails::builder()
            .value(value)
            .variant(if value { "on" } else { "off" })
            .reason(reason)
            .build())
    }

    async fn resolve_int_value(
        &self,
        _: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<i64>> {
        Err(only_switches())
    }

    async fn resolve_float_value(
        &self,
        _: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<f64>> {
        Err(only_switches())
    }

    async fn resolve_string_value(
        &self,
        _: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<String>> {
        Err(only_switches())
    }

    async fn resolve_struct_value(
        &self,
        _: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<StructValue>> {
        Err(only_switches())
    }
}

fn only_switches() -> EvaluationError {
    EvaluationError {
        code: EvaluationErrorCode::TypeMismatch,
        message: Some("the file has switches only".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_breaks_or_goes_away_changes_nothing_until_it_can_be_used_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("flags.yaml");
        let live = |source: &Source| {
            let context = EvaluationContext::default();
            source.definitions.load().answer("live", &context)
        };
        std::fs::write(&path, "live: { default: true }").unwrap();
        let mut source = Source::open(&path).unwrap();
        for broken in [
            "live: { default: perhaps }",
            "live: [",
            "more: { default: true",
        ] {
            std::fs::write(&path, broken).unwrap();
            source.look();
            assert_eq!(live(&source), Some(Answer::Default(true)), "{broken}");
        }
        std::fs::remove_file(&path).unwrap();
        source.look();
        assert_eq!(live(&source), Some(Answer::Default(true)));
        std::fs::write(&path, "live: { default: false }").unwrap();
        source.look();
        assert_eq!(live(&source), Some(Answer::Default(false)));
    }
}
