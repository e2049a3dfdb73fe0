//! Keys of an identity provider: fetched, kept, refreshed on schedule and when a token names a key
//! that is not known yet.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;
use url::Url;

use super::config::{AuthConfigError, JwksConfig};
use super::keys::{VerificationKey, parse_jwks};

/// A key set is a few kilobytes; more than this is none.
const MAX_BYTES: usize = 256 * 1024;

/// A JSON Web Key Set behind a URL, and its last good answer.
pub(super) struct RemoteKeys {
    config: JwksConfig,
    client: reqwest::Client,
    /// `None` until the first fetch succeeds.
    keys: ArcSwapOption<Vec<VerificationKey>>,
    /// When the last fetch began, good or bad. Holding the lock is fetching: callers wait for one fetch.
    last_fetch: Mutex<Option<Instant>>,
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the key set cannot be fetched")]
    Http(#[from] reqwest::Error),
    #[error("the answer is not a key set")]
    Parse(#[from] serde_json::Error),
    #[error("the answer is longer than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the key set has no key for RS256 or ES256")]
    Empty,
}

impl RemoteKeys {
    /// Prepares the client; nothing is fetched before [`Self::refresh_on_schedule`] or the first token.
    pub(super) fn new(config: &JwksConfig) -> Result<Self, AuthConfigError> {
        let usable =
            Url::parse(&config.url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !usable {
            return Err(AuthConfigError::JwksUrl {
                url: config.url.clone(),
            });
        }
        let client = reqwest::Client::builder()
            .timeout(config.timeout.get())
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(AuthConfigError::Client)?;
        Ok(Self {
            config: config.clone(),
            client,
            keys: ArcSwapOption::empty(),
            last_fetch: Mutex::new(None),
        })
    }

    /// The keys known now; `None` when none have ever been fetched.
    pub(super) fn known(&self) -> Option<Arc<Vec<VerificationKey>>> {
        self.keys.load_full()
    }

    /// Fetches unless that was tried less than the minimal interval ago.
    pub(super) async fn refresh_if_due(&self) {
        let mut last = self.last_fetch.lock().await;
        if last.is_none_or(|at| at.elapsed() >= self.config.min_interval.get()) {
            *last = Some(Instant::now());
            self.fetch_and_keep().await;
        }
    }

    /// Fetches now and then on schedule, as long as somebody else holds the keys.
    pub(super) fn refresh_on_schedule(self: &Arc<Self>) {
        let keys = Arc::downgrade(self);
        let mut ticks = tokio::time::interval(self.config.refresh.get());
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tokio::spawn(async move {
            loop {
                ticks.tick().await;
                let Some(keys) = keys.upgrade() else { return };
                *keys.last_fetch.lock().await = Some(Instant::now());
                keys.fetch_and_keep().await;
            }
        });
    }

    async fn fetch_and_keep(&self) {
        match self.fetch().await {
            Ok(keys) => {
                tracing::debug!(keys = keys.len(), "fetched the key set");
                self.keys.store(Some(Arc::new(keys)));
            }
            Err(error) => tracing::warn!(
                url = %self.config.url,
                error = &error as &dyn std::error::Error,
                "the key set could not be refreshed; the last one stays in use"
            ),
        }
    }

    async fn fetch(&self) -> Result<Vec<VerificationKey>, FetchError> {
        let mut answer = self
            .client
            .get(&self.config.url)
            .send()
            .await?
            .error_for_status()?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let keys = parse_jwks(&body)?;
        if keys.is_empty() {
            return Err(FetchError::Empty);
        }
        Ok(keys)
    }
}
