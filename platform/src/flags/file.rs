//! Flags from a file in flagd's format that is read again when it changes.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use flagd_evaluation_engine::Operator;
use futures::FutureExt;
use metrics::gauge;
use open_feature::provider::{FeatureProvider, ProviderMetadata, ResolutionDetails};
use open_feature::{
    EvaluationContext, EvaluationError, EvaluationErrorCode, EvaluationResult, StructValue,
};
use serde_json::Value as Json;
use tokio::sync::Mutex;
use tokio_util::task::AbortOnDropHandle;

use super::definitions::Definitions;
use crate::supervisor::{Stage, Supervisor};

/// Between two reads, so that no configuration makes a loop that never rests.
const SHORTEST: Duration = Duration::from_millis(10);

/// What `/readyz` calls the flags.
const PART: &str = "flags";

/// A provider over a file, which flagd's own engine evaluates.
pub struct FlagFile {
    metadata: ProviderMetadata,
    engine: Operator,
    definitions: Arc<ArcSwap<Definitions>>,
    /// Ends with the provider.
    _reloading: AbortOnDropHandle<()>,
}

impl fmt::Debug for FlagFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FlagFile").field(&self.definitions).finish()
    }
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
    #[error(
        "the flags in {path} cannot be used: {reason} (the format is flagd's: https://flagd.dev/reference/flag-definitions/)"
    )]
    Parse { path: PathBuf, reason: String },
}

impl FlagFile {
    /// Reads the file, and reads it again every `interval`, in a task of the supervisor. A change that cannot be
    /// used changes nothing; the log, a metric and `/readyz` say so.
    pub fn open(
        path: &Path,
        interval: Duration,
        supervisor: &Supervisor,
    ) -> Result<Self, FlagFileError> {
        let source = Source::open(path, supervisor)?;
        let definitions = source.definitions.clone();
        let interval = interval.max(SHORTEST);
        let source = Arc::new(Mutex::new(source));
        let reloading = supervisor.start(Stage::Support, "flags", move |stop| {
            let source = source.clone();
            stop.run_until_cancelled_owned(async move {
                loop {
                    tokio::time::sleep(interval).await;
                    // A file of a few lines: read sooner than handed to another thread.
                    source.lock().await.reload();
                }
            })
            .map(|_: Option<()>| ())
        });
        Ok(Self {
            metadata: ProviderMetadata::new("flagd"),
            engine: Operator::new(),
            definitions,
            _reloading: AbortOnDropHandle::new(reloading),
        })
    }

    fn resolve<T>(
        &self,
        flag: &str,
        subject: &EvaluationContext,
        of_type: impl FnOnce(&Json) -> Option<T>,
    ) -> EvaluationResult<ResolutionDetails<T>> {
        let definitions = self.definitions.load();
        let resolution = definitions.resolve(flag, subject, &self.engine)?;
        let Some(value) = of_type(resolution.value) else {
            return Err(EvaluationError {
                code: EvaluationErrorCode::TypeMismatch,
                message: Some(format!("{:?} is of another type", resolution.variant)),
            });
        };
        Ok(ResolutionDetails::builder()
            .value(value)
            .variant(resolution.variant)
            .reason(resolution.reason)
            .build())
    }
}

/// A file and what was read of it last.
struct Source {
    path: PathBuf,
    text: String,
    is_readable: bool,
    definitions: Arc<ArcSwap<Definitions>>,
    engine: Operator,
    supervisor: Supervisor,
}

impl Source {
    fn open(path: &Path, supervisor: &Supervisor) -> Result<Self, FlagFileError> {
        let text = read(path)?;
        let engine = Operator::new();
        let definitions = parse(path, &text, &engine)?;
        let source = Self {
            path: path.to_owned(),
            text,
            is_readable: true,
            definitions: Arc::new(ArcSwap::from_pointee(definitions)),
            engine,
            supervisor: supervisor.clone(),
        };
        source.report(Ok(()));
        Ok(source)
    }

    /// Reads the file again. Compares what is read, not times: file systems round them, and orchestrators swap
    /// links.
    fn reload(&mut self) {
        let text = match read(&self.path) {
            Ok(text) => text,
            Err(error) => {
                if std::mem::take(&mut self.is_readable) {
                    self.report(Err(&error));
                }
                return;
            }
        };
        let was_readable = std::mem::replace(&mut self.is_readable, true);
        if was_readable && text == self.text {
            return;
        }
        match parse(&self.path, &text, &self.engine) {
            Ok(new) => {
                let changed = changed(&self.definitions.load(), &new);
                self.definitions.store(Arc::new(new));
                self.report(Ok(()));
                tracing::info!(changed, "flags reloaded");
            }
            Err(error) => self.report(Err(&error)),
        }
        // A text that cannot be used is reported once, too.
        self.text = text;
    }

    fn report(&self, outcome: Result<(), &FlagFileError>) {
        gauge!("vantage_flags_file_usable").set(f64::from(outcome.is_ok()));
        let trouble = outcome.err().map(|error| {
            tracing::error!(%error, "flags not reloaded, the last good ones apply");
            error.to_string()
        });
        self.supervisor.set_degraded(PART, trouble);
    }
}

fn read(path: &Path) -> Result<String, FlagFileError> {
    std::fs::read_to_string(path).map_err(|source| FlagFileError::Read {
        path: path.to_owned(),
        source,
    })
}

fn parse(path: &Path, text: &str, engine: &Operator) -> Result<Definitions, FlagFileError> {
    Definitions::parse(text, engine).map_err(|error| FlagFileError::Parse {
        path: path.to_owned(),
        reason: error.to_string(),
    })
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
        subject: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<bool>> {
        self.resolve(flag, subject, Json::as_bool)
    }

    async fn resolve_int_value(
        &self,
        flag: &str,
        subject: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<i64>> {
        self.resolve(flag, subject, Json::as_i64)
    }

    async fn resolve_float_value(
        &self,
        flag: &str,
        subject: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<f64>> {
        self.resolve(flag, subject, Json::as_f64)
    }

    async fn resolve_string_value(
        &self,
        flag: &str,
        subject: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<String>> {
        self.resolve(flag, subject, |value| value.as_str().map(str::to_owned))
    }

    /// No flag of ours is a structure.
    async fn resolve_struct_value(
        &self,
        flag: &str,
        subject: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<StructValue>> {
        self.resolve(flag, subject, |_| None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn switch(default_variant: &str) -> String {
        format!(
            "flags: {{ live: {{ state: ENABLED, variants: {{ on: true, off: false }}, defaultVariant: {default_variant} }} }}"
        )
    }

    #[test]
    fn a_file_that_breaks_or_goes_away_changes_nothing_until_it_can_be_used_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("flags.yaml");
        let live = |source: &Source| {
            let subject = EvaluationContext::default();
            let definitions = source.definitions.load();
            let live = definitions.resolve("live", &subject, &source.engine);
            live.unwrap().value.as_bool()
        };
        let supervisor = Supervisor::new();
        let shown = || supervisor.degraded().join("; ");
        std::fs::write(&path, switch("on")).unwrap();
        let mut source = Source::open(&path, &supervisor).unwrap();
        for broken in [
            switch("perhaps"),
            "flags: [".to_owned(),
            "flags: { live: { state: ENABLED".to_owned(),
        ] {
            std::fs::write(&path, &broken).unwrap();
            source.reload();
            assert_eq!(live(&source), Some(true), "{broken}");
            assert!(shown().contains("cannot be used"), "{}", shown());
        }
        std::fs::write(&path, switch("on")).unwrap();
        source.reload();
        assert_eq!(shown(), "");
        std::fs::remove_file(&path).unwrap();
        source.reload();
        assert_eq!(live(&source), Some(true));
        assert!(shown().contains("cannot be read"), "{}", shown());
        // The same text as before it went away.
        std::fs::write(&path, switch("on")).unwrap();
        source.reload();
        assert_eq!(shown(), "");
        std::fs::write(&path, switch("off")).unwrap();
        source.reload();
        assert_eq!(live(&source), Some(false));
    }
}
