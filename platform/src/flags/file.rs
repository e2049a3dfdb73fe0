//! Flags from a file in flagd's format, reloaded when it changes.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use flagd_evaluation_engine::Operator;
use open_feature::provider::{FeatureProvider, ProviderMetadata, ResolutionDetails};
use open_feature::{
    EvaluationContext, EvaluationError, EvaluationErrorCode, EvaluationResult, StructValue,
};
use serde_json::Value as Json;
use tokio_util::task::AbortOnDropHandle;

use super::definitions::Definitions;
use crate::reload::{Reload, Reloader};
use crate::supervisor::Supervisor;

/// A provider over a file, evaluated by flagd's own engine.
pub struct FlagFile {
    metadata: ProviderMetadata,
    engine: Operator,
    definitions: Arc<ArcSwap<Definitions>>,
    /// Stops with the provider.
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
    /// Reads the file, then checks it every `interval` in a supervised task.
    ///
    /// # Errors
    /// If the file cannot be read or is not valid.
    pub async fn open(
        path: &Path,
        interval: Duration,
        supervisor: &Supervisor,
    ) -> Result<Self, FlagFileError> {
        let source = Source::new(path);
        let definitions = source.definitions.clone();
        let reloader = Reloader::open(source, supervisor).await?;
        Ok(Self {
            metadata: ProviderMetadata::new("flagd"),
            engine: Operator::new(),
            definitions,
            _reloading: AbortOnDropHandle::new(reloader.start(interval)),
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

/// The file and its last contents.
struct Source {
    path: PathBuf,
    definitions: Arc<ArcSwap<Definitions>>,
    engine: Operator,
}

impl Source {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            definitions: Arc::default(),
            engine: Operator::new(),
        }
    }
}

#[async_trait]
impl Reload for Source {
    type Contents = String;
    type Error = FlagFileError;

    const NAME: &'static str = "flags";

    async fn read(&self) -> Result<String, FlagFileError> {
        // A few lines: reading them here is faster than handing them to another thread.
        std::fs::read_to_string(&self.path).map_err(|source| FlagFileError::Read {
            path: self.path.clone(),
            source,
        })
    }

    async fn apply(&mut self, text: &String) -> Result<Option<String>, FlagFileError> {
        let new = Definitions::parse(text, &self.engine).map_err(|error| FlagFileError::Parse {
            path: self.path.clone(),
            reason: error.to_string(),
        })?;
        let changed = changed(&self.definitions.load(), &new);
        self.definitions.store(Arc::new(new));
        Ok(Some(changed))
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

    /// Our flags have no structured values.
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

    #[tokio::test]
    async fn a_file_that_breaks_or_goes_away_changes_nothing_until_it_can_be_used_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("flags.yaml");
        let source = Source::new(&path);
        let definitions = source.definitions.clone();
        let live = || {
            let subject = EvaluationContext::default();
            let definitions = definitions.load();
            let live = definitions.resolve("live", &subject, &Operator::new());
            live.unwrap().value.as_bool()
        };
        let supervisor = Supervisor::new();
        let shown = || supervisor.degraded().join("; ");
        std::fs::write(&path, switch("on")).unwrap();
        let mut reloader = Reloader::open(source, &supervisor).await.unwrap();
        for broken in [
            switch("perhaps"),
            "flags: [".to_owned(),
            "flags: { live: { state: ENABLED".to_owned(),
        ] {
            std::fs::write(&path, &broken).unwrap();
            reloader.look().await;
            assert_eq!(live(), Some(true), "{broken}");
            assert!(shown().contains("cannot be used"), "{}", shown());
        }
        std::fs::write(&path, switch("on")).unwrap();
        reloader.look().await;
        assert_eq!(shown(), "");
        std::fs::remove_file(&path).unwrap();
        reloader.look().await;
        assert_eq!(live(), Some(true));
        assert!(shown().contains("cannot be read"), "{}", shown());
        // The same text as before the file disappeared.
        std::fs::write(&path, switch("on")).unwrap();
        reloader.look().await;
        assert_eq!(shown(), "");
        std::fs::write(&path, switch("off")).unwrap();
        reloader.look().await;
        assert_eq!(live(), Some(false));
    }
}
