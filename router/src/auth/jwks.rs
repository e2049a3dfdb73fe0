//! Keys of an identity provider: fetched, kept, refreshed on schedule and when a token is signed with a key that is not
//! known yet.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwapOption;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use platform::supervisor::{Stage, Supervisor};

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
    last: Mutex<Option<Fetch>>,
}

/// A fetch, done or under way: all who need it wait for the same one.
#[derive(Clone)]
struct Fetch {
    begun: Instant,
    done: Shared<BoxFuture<'static, ()>>,
}

/// Without the URL, which may have credentials in its parameters.
impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error.without_url())
    }
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the key set cannot be fetched")]
    Http(#[source] reqwest::Error),
    #[error("the answer is not a key set")]
    Parse(#[from] serde_json::Error),
    #[error("the answer is longer than {MAX_BYTES} bytes")]
    TooLarge,
}

impl RemoteKeys {
    /// Prepares the client; nothing is fetched before [`Self::refresh_on_schedule`] or the first token.
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
            last: Mutex::new(None),
        })
    }

    /// The keys known now; `None` when none have ever been fetched.
    pub(super) fn cached(&self) -> Option<Arc<Vec<VerificationKey>>> {
        self.keys.load_full()
    }

    /// Waits for a fetch that is under way, or makes one unless that was tried less than the minimal interval ago. It goes
    /// on when the caller is gone.
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

    /// Fetches now and then on schedule, in a task of the supervisor.
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

    /// Waits for a fetch that is under way, or makes one.
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
        let fetching = tokio::spawn(async move { keys.fetch_and_keep().await });
        Fetch {
            begun: Instant::now(),
            done: async move { drop(fetching.await) }.boxed().shared(),
        }
    }

    async fn fetch_and_keep(&self) {
        let fetched = self.fetch().await;
        let outcome = if fetched.is_ok() { "fetched" } else { "failed" };
        metrics::counter!("router_key_set_fetches_total", "outcome" => outcome).increment(1);
        match fetched {
            Ok(keys) => {
                if keys.is_empty() {
                    // The provider has taken all of them back.
                    tracing::warn!("the key set has no key for RS256 or ES256: no token is valid");
                } else {
                    tracing::debug!(keys = keys.len(), "fetched the key set");
                }
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
