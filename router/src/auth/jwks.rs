//! An identity provider's keys: cached, refreshed on schedule and when a token is signed with an unknown key.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use platform::supervisor::{Stage, Supervisor};

use super::config::{AuthConfigError, JwksConfig};
use super::keys::{VerificationKey, parse_jwks};

/// A key set is a few kilobytes; anything longer is rejected.
const MAX_BYTES: usize = 256 * 1024;

/// A JSON Web Key Set behind a URL, with its last valid version.
pub(super) struct RemoteKeys {
    config: JwksConfig,
    client: reqwest::Client,
    /// `None` until the first fetch succeeds.
    keys: ArcSwapOption<Vec<VerificationKey>>,
    /// How many fetches succeeded.
    generation: AtomicU64,
    last: Mutex<Option<Fetch>>,
}

/// A fetch, finished or in progress; everybody who needs it waits for the same one.
#[derive(Clone)]
struct Fetch {
    begun: Instant,
    done: Shared<BoxFuture<'static, ()>>,
}

/// Drops the URL, whose parameters may contain credentials.
impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error.without_url())
    }
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the key set cannot be fetched")]
    Http(#[source] reqwest::Error),
    #[error("the response is not a key set")]
    Parse(#[from] serde_json::Error),
    #[error("the response is longer than {MAX_BYTES} bytes")]
    TooLarge,
}

impl RemoteKeys {
    /// Creates the client. The first fetch is made by [`Self::refresh_on_schedule`] or the first token.
    pub(super) fn new(config: &JwksConfig) -> Result<Self, AuthConfigError> {
        if !matches!(config.url.scheme(), "http" | "https") {
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
            generation: AtomicU64::new(0),
            last: Mutex::new(None),
        })
    }

    /// The current keys; `None` if none were ever fetched.
    pub(super) fn cached(&self) -> Option<Arc<Vec<VerificationKey>>> {
        self.keys.load_full()
    }

    /// Changes after the keys. Those of [`Self::cached`] are of this generation or newer.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Waits for the fetch in progress, or starts one unless the last one was less than the minimum interval ago. The
    /// fetch continues if the caller is dropped.
    pub(super) async fn refresh_if_due(self: &Arc<Self>) {
        let fetch = {
            let mut last = self.last.lock();
            match &*last {
                Some(fetch) if fetch.done.peek().is_none() => fetch.clone(),
                Some(fetch) if fetch.begun.elapsed() < self.config.min_interval.get() => return,
                _ => last.insert(self.begin()).clone(),
            }
        };
        fetch.done.await;
    }

    /// Refreshes now and on schedule, in a supervised task.
    pub(super) fn refresh_on_schedule(self: &Arc<Self>, supervisor: &Supervisor) {
        let keys = self.clone();
        supervisor.start(Stage::Support, "auth.jwks", move |stop| {
            let keys = keys.clone();
            async move {
                let mut ticks = tokio::time::interval(keys.config.refresh.get());
                ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                    keys.refresh().await;
                }
            }
        });
    }

    /// Waits for the fetch in progress, or starts one.
    async fn refresh(self: &Arc<Self>) {
        let fetch = {
            let mut last = self.last.lock();
            match &*last {
                Some(fetch) if fetch.done.peek().is_none() => fetch.clone(),
                _ => last.insert(self.begin()).clone(),
            }
        };
        fetch.done.await;
    }

    fn begin(self: &Arc<Self>) -> Fetch {
        let keys = Arc::clone(self);
        let fetching = tokio::spawn(async move { keys.fetch_and_store().await });
        Fetch {
            begun: Instant::now(),
            done: async move { drop(fetching.await) }.boxed().shared(),
        }
    }

    async fn fetch_and_store(&self) {
        let fetched = self.fetch().await;
        let outcome = if fetched.is_ok() { "fetched" } else { "failed" };
        metrics::counter!("router_key_set_fetches_total", "outcome" => outcome).increment(1);
        match fetched {
            Ok(keys) => {
                if keys.is_empty() {
                    // The provider has withdrawn all keys.
                    tracing::warn!(
                        "the key set has no key for RS256 or ES256, all tokens are rejected"
                    );
                } else {
                    tracing::debug!(keys = keys.len(), "fetched the key set");
                }
                self.keys.store(Some(Arc::new(keys)));
                self.generation.fetch_add(1, Ordering::Release);
            }
            Err(error) => tracing::warn!(
                url = %self.config.url,
                error = &error as &dyn std::error::Error,
                "key set not refreshed, the last valid one stays in use"
            ),
        }
    }

    async fn fetch(&self) -> Result<Vec<VerificationKey>, FetchError> {
        let mut answer = self
            .client
            .get(self.config.url.expose_url().clone())
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
        Ok(parse_jwks(&body)?)
    }
}
