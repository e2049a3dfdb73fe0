//! The GraphQL type `Personalization`: decides by whose preferences a search is ranked, and how strongly.

use std::sync::Arc;

use async_graphql::{Enum, SimpleObject};
use entities::search::customer_preference::{Interests, PreferenceMode};
use entities::search::search_exposure::Variant;
use platform::clock::Clock;
use platform::flags::{EvaluationContext, Flag, Flags};
use platform::pubsub::InProcess;
use platform::rate_limit::{Bucket, Quota, RateLimiter};
use resolvers::id::IdKind;
use resolvers::{ApiError, ApiResult};
use uuid::Uuid;

use crate::State;
use crate::engine::Preference;
use crate::exposure_log::ExposureLog;
use crate::preference_cache::{KnownPreferences, PreferenceCache, PreferenceVector};

/// Whether a customer sees personalized results: `on` is the treatment group, `off` the control group.
const FLAG: Flag = Flag::on_by_default("search_personalization");

/// Callers whose events are counted at a time, in this process.
const MAX_CALLERS: u64 = 100_000;
/// The boost without effect.
const NO_BOOST: f64 = 1.0;

/// How strongly results are personalized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "PreferenceMode")]
pub(crate) enum PersonalizationMode {
    /// Not at all.
    None,
    /// Half by the customer's preferences, half by what is popular in the categories they looked at.
    Blended,
    /// By the customer's preferences.
    Full,
}

/// How the results of a search are personalized.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct Personalization {
    /// How strongly the results are personalized. NONE for visitors who have not signed in, for customers who have opted
    /// out or did too little in the last 90 days (fewer than 10 signals), for the control group, and with `personalize:
    /// false`. BLENDED for 10 to 50 signals, FULL for more.
    pub mode: PersonalizationMode,
    /// The score of a product that fits the customer's preferences is multiplied by up to 1 + boost. By default 0.75 in
    /// mode BLENDED and 1.5 in mode FULL; 1 in mode NONE, where it has no effect.
    pub boost: f64,
    /// The customer's group in the experiment: `treatment` or `control`. Always the same for a customer. `control` for
    /// everybody else.
    pub variant: &'static str,
    /// Whether a ranking, which also considers how popular and how new products are, has ordered the first 100 results.
    pub reranked: bool,
}

/// Settings of personalization.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PersonalizationConfig {
    /// The boost of a full preference.
    pub full_boost: f64,
    /// The boost of a blended preference.
    pub blended_boost: f64,
    /// Events that a caller may record in a minute, and at once.
    pub events_per_minute: u32,
}

impl Default for PersonalizationConfig {
    fn default() -> Self {
        Self {
            full_boost: 1.5,
            blended_boost: 0.75,
            events_per_minute: 240,
        }
    }
}

/// What personalization depends on.
#[derive(Clone, Debug)]
pub struct PersonalizationState {
    pub config: PersonalizationConfig,
    pub flags: Flags,
    pub preferences: PreferenceCache,
    /// Limits recorded events by caller.
    pub limiter: Arc<RateLimiter>,
    pub exposures: ExposureLog,
}

impl PersonalizationState {
    /// With everything in this process, and the flag on for everybody.
    pub fn in_process(clock: Clock) -> Self {
        Self {
            config: PersonalizationConfig::default(),
            flags: Flags::defaults(),
            preferences: PreferenceCache::in_process(Arc::new(InProcess::new())),
            limiter: Arc::new(RateLimiter::in_process(clock, MAX_CALLERS)),
            exposures: ExposureLog::default(),
        }
    }
}

/// How a search is ranked.
#[derive(Clone, Debug)]
pub(crate) struct Ranking {
    pub variant: Variant,
    /// Whether the search is part of the experiment.
    pub is_in_experiment: bool,
    /// What the customer's preferences allow; in the control group it is not used.
    pub possible: PreferenceMode,
    /// What is used.
    pub used: Option<PreferenceVector>,
    pub boost: f64,
    /// What the customer likes, to explain results.
    pub interests: Arc<Interests>,
}

impl Ranking {
    /// By relevance alone, outside the experiment.
    fn by_relevance() -> Self {
        Self {
            variant: Variant::Control,
            is_in_experiment: false,
            possible: PreferenceMode::None,
            used: None,
            boost: NO_BOOST,
            interests: Arc::default(),
        }
    }

    /// What the engine ranks by.
    pub(crate) fn preference(&self) -> Option<Preference> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the boost of the configuration, as a float"
        )]
        let boost = self.boost as f32;
        let used = self.used.as_ref()?;
        Some(Preference {
            vector: used.vector.clone(),
            boost,
        })
    }

    pub(crate) fn shown(&self) -> Personalization {
        let mode = self.used.as_ref().map(|used| used.mode);
        Personalization {
            mode: mode.unwrap_or(PreferenceMode::None).into(),
            boost: self.boost,
            variant: self.variant.as_str(),
            reranked: false,
        }
    }
}

/// Which preferences a search may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestedRanking {
    /// The customer's current ones.
    Current,
    /// None: the client does not want them, or the results are not sorted by relevance.
    Relevance,
    /// Those of the page that a cursor comes from, if there were any.
    OfCursor(Option<i64>),
}

impl PersonalizationState {
    /// How a customer's search is ranked; `None` is a visitor.
    ///
    /// # Errors
    /// BAD_USER_INPUT for a cursor whose preferences no longer exist.
    pub(crate) async fn ranking(
        &self,
        state: &State,
        customer: Option<Uuid>,
        requested: RequestedRanking,
    ) -> ApiResult<Ranking> {
        let (Some(customer), false) = (customer, requested == RequestedRanking::Relevance) else {
            return match requested {
                RequestedRanking::OfCursor(Some(_)) => Err(expired()),
                _ => Ok(Ranking::by_relevance()),
            };
        };
        let known = match self.preferences.get(&state.database, customer).await {
            Ok(known) => known,
            Err(error) => {
                tracing::warn!(%error, "preferences not read, results are sorted by relevance");
                return Ok(Ranking::by_relevance());
            }
        };
        if known.opted_out && requested == RequestedRanking::Current {
            return Ok(Ranking::by_relevance());
        }
        let variant = self.variant(customer).await;
        let used = match (requested, variant) {
            (RequestedRanking::OfCursor(Some(version)), _) => {
                Some(known.version(version).ok_or_else(expired)?.clone())
            }
            (RequestedRanking::Current, Variant::Treatment) => known.current.clone(),
            _ => None,
        };
        let boost = used.as_ref().map_or(NO_BOOST, |used| self.boost(used.mode));
        Ok(Ranking {
            variant,
            is_in_experiment: !known.opted_out,
            possible: known.mode,
            used,
            boost,
            interests: known.interests,
        })
    }

    /// The mode in which a customer's next search is ranked.
    pub(crate) async fn mode(&self, customer: Uuid, known: &KnownPreferences) -> PreferenceMode {
        match self.variant(customer).await {
            Variant::Treatment if !known.opted_out => known.mode,
            Variant::Treatment | Variant::Control => PreferenceMode::None,
        }
    }

    async fn variant(&self, customer: Uuid) -> Variant {
        let subject =
            EvaluationContext::default().with_targeting_key(IdKind::Customer.format(customer));
        if self.flags.is_on(FLAG, &subject).await {
            Variant::Treatment
        } else {
            Variant::Control
        }
    }

    fn boost(&self, mode: PreferenceMode) -> f64 {
        match mode {
            PreferenceMode::None => NO_BOOST,
            PreferenceMode::Blended => self.config.blended_boost,
            PreferenceMode::Full => self.config.full_boost,
        }
    }

    /// Counts an event of this caller.
    ///
    /// # Errors
    /// RATE_LIMITED if there were too many.
    pub(crate) async fn count_event(&self, caller: &str) -> ApiResult<()> {
        let bucket = Bucket {
            key: format!("search_event:{caller}"),
            quota: Quota {
                cost_per_minute: self.config.events_per_minute,
                burst: self.config.events_per_minute,
            },
        };
        let decision = self.limiter.acquire(&[bucket], 1).await;
        match decision.and_then(|decision| decision.retry_after) {
            None => Ok(()),
            Some(wait) => Err(ApiError::new(
                resolvers::error::ErrorCode::RateLimited,
                format!(
                    "Too many events: try again in {} seconds",
                    wait.as_secs().max(1)
                ),
            )),
        }
    }
}

fn expired() -> ApiError {
    ApiError::bad_user_input(
        "the results of this cursor were ranked by preferences that have changed: start from the first page",
    )
}
