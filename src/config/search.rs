//! The `search` section.

use std::path::PathBuf;

use platform::config::{ConnectionUrl, Duration, Invalid};
use schemars::JsonSchema;
use search::PersonalizationConfig;
use serde::{Deserialize, Serialize};

/// How products are found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Search {
    pub(crate) engine: Engine,
    /// The address of an OpenSearch or Elasticsearch node, or of the load balancer in front:
    /// `https://user:password@search:9200`.
    pub(crate) url: Option<ConnectionUrl>,
    /// A file of certificates in PEM that are trusted besides the usual ones, for a cluster with its own authority.
    pub(crate) ca_file: Option<PathBuf>,
    /// What the names of the cluster's indexes and aliases begin with.
    pub(crate) index: String,
    /// How long an engine may take for everything that one field asks of it; at most 10s. Later, search counts as
    /// unavailable: a customer is waiting.
    pub(crate) deadline: Duration,
    /// How long the cluster may take for a search; at most the `deadline`.
    pub(crate) timeout: Duration,
    /// How long the cluster may take for one request that writes.
    pub(crate) write_timeout: Duration,
    /// A directory with `stop_words.txt`, `stemming.txt` and `synonyms.txt`; those that are missing there are those of this
    /// version. The next build of an index reads them.
    pub(crate) analysis: Option<PathBuf>,
    pub(crate) personalization: Personalization,
    pub(crate) ranker: Ranker,
}

/// A search engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Engine {
    /// In this process, with its index in `data`.
    #[default]
    Embedded,
    /// An OpenSearch cluster, version 2 or 3.
    OpenSearch,
    /// An Elasticsearch cluster, version 8 or 9.
    Elasticsearch,
}

const LONGEST_DEADLINE: Duration = Duration::from_secs(10);
/// Names of indexes have at most 255 bytes, of which the build's own part needs 40.
const LONGEST_INDEX: usize = 200;

impl Default for Search {
    fn default() -> Self {
        Self {
            engine: Engine::default(),
            url: None,
            ca_file: None,
            index: "vantage-products".to_owned(),
            deadline: search::DEADLINE.into(),
            timeout: Duration::from_millis(700),
            write_timeout: Duration::from_secs(30),
            analysis: None,
            personalization: Personalization::default(),
            ranker: Ranker::default(),
        }
    }
}

/// How strongly results follow a customer's preferences. Who gets personalized results is decided by the flag
/// `search_personalization`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Personalization {
    /// The score of a product is multiplied by up to 1 + this, for customers with more than 50 signals.
    pub(crate) full_boost: f64,
    /// The same for customers with 10 to 50 signals.
    pub(crate) blended_boost: f64,
    /// Events that a caller may record in a minute with `searchEventRecord`.
    pub(crate) events_per_minute: u32,
}

impl Default for Personalization {
    fn default() -> Self {
        let PersonalizationConfig {
            full_boost,
            blended_boost,
            events_per_minute,
        } = PersonalizationConfig::default();
        Self {
            full_boost,
            blended_boost,
            events_per_minute,
        }
    }
}

impl Personalization {
    pub(crate) fn get(&self) -> PersonalizationConfig {
        PersonalizationConfig {
            full_boost: self.full_boost,
            blended_boost: self.blended_boost,
            events_per_minute: self.events_per_minute,
        }
    }
}

/// A greater boost would let preferences decide alone.
const GREATEST_BOOST: f64 = 10.0;

/// What puts the first 100 results of a search by relevance into another order. The flag `search_reranking` switches it
/// off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ranker {
    /// A model in LightGBM's text format; by default, the one of this build. It is reloaded when it changes.
    pub(crate) model: Option<PathBuf>,
    /// A service that ranks instead of a model; docs/search.md describes its protocol.
    pub(crate) url: Option<ConnectionUrl>,
    /// Time for the service to answer. Later, results stay in the engine's order.
    pub(crate) budget: Duration,
    /// How often the model's file is checked for changes.
    pub(crate) reload_interval: Duration,
}

impl Default for Ranker {
    fn default() -> Self {
        Self {
            model: None,
            url: None,
            budget: Duration::from_millis(20),
            reload_interval: Duration::from_secs(2),
        }
    }
}

/// The engine has to answer within 750 ms by default, with the ranking.
const LONGEST_BUDGET: Duration = Duration::from_millis(300);

impl Ranker {
    fn check(&self) -> Result<(), Invalid> {
        if self.model.is_some() && self.url.is_some() {
            return Err(Invalid::new(
                "search.ranker.url",
                "is set besides search.ranker.model: either a model ranks, or a service",
            ));
        }
        let budget = self.budget.get();
        if budget.is_zero() || budget > LONGEST_BUDGET.get() {
            return Err(Invalid::new(
                "search.ranker.budget",
                format!(
                    "is not above 0 and at most {} ms",
                    LONGEST_BUDGET.get().as_millis()
                ),
            ));
        }
        Ok(())
    }
}

impl Search {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        if self.engine != Engine::Embedded && self.url.is_none() {
            return Err(Invalid::new(
                "search.url",
                "is required by this search.engine: set it to the cluster's address",
            ));
        }
        super::check_scheme("search.url", self.url.as_ref(), &["http", "https"])?;
        if self.deadline.get().is_zero() || self.deadline > LONGEST_DEADLINE {
            let problem = "is not above 0 and at most 10s";
            return Err(Invalid::new("search.deadline", problem));
        }
        if self.timeout > self.deadline {
            let problem = format!("is more than search.deadline, {}", self.deadline);
            return Err(Invalid::new("search.timeout", problem));
        }
        let is_name =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        let begins = self
            .index
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric());
        if !begins || !self.index.bytes().all(is_name) || self.index.len() > LONGEST_INDEX {
            return Err(Invalid::new(
                "search.index",
                "is not a name of an index: use lower-case letters, digits and hyphens",
            ));
        }
        self.ranker.check()?;
        let personalization = &self.personalization;
        for (key, boost) in [
            ("full_boost", personalization.full_boost),
            ("blended_boost", personalization.blended_boost),
        ] {
            if !(0.0..=GREATEST_BOOST).contains(&boost) {
                return Err(Invalid::new(
                    format!("search.personalization.{key}"),
                    format!("{boost} is not from 0 to {GREATEST_BOOST}"),
                ));
            }
        }
        if personalization.events_per_minute == 0 {
            return Err(Invalid::new(
                "search.personalization.events_per_minute",
                "is zero: clients could not record any event",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boosts_have_limits_and_some_events_are_allowed() {
        let problem = |change: fn(&mut Personalization)| {
            let mut search = Search::default();
            change(&mut search.personalization);
            search.check().err().map(|invalid| format!("{invalid:?}"))
        };
        assert_eq!(problem(|_| {}), None);
        for change in [
            (|it: &mut Personalization| it.full_boost = -0.1) as fn(&mut Personalization),
            |it: &mut Personalization| it.full_boost = f64::NAN,
            |it: &mut Personalization| it.full_boost = 10.1,
        ] {
            assert!(problem(change).unwrap().contains("full_boost"));
        }
        assert!(
            problem(|it| it.blended_boost = 11.0)
                .unwrap()
                .contains("blended_boost")
        );
        assert!(
            problem(|it| it.events_per_minute = 0)
                .unwrap()
                .contains("events_per_minute")
        );
    }

    #[test]
    fn a_model_ranks_or_a_service_and_neither_keeps_shoppers_waiting() {
        let problem = |change: fn(&mut Ranker)| {
            let mut search = Search::default();
            change(&mut search.ranker);
            search.check().err().map(|invalid| format!("{invalid:?}"))
        };
        assert_eq!(problem(|it| it.model = Some("model.txt".into())), None);
        let both = |it: &mut Ranker| {
            it.model = Some("model.txt".into());
            it.url = serde_json::from_str("\"http://localhost:9000/rank\"").unwrap();
        };
        assert!(problem(both).unwrap().contains("search.ranker.url"));
        for change in [
            (|it| it.budget = Duration::from_millis(0)) as fn(&mut Ranker),
            |it| it.budget = Duration::from_millis(301),
        ] {
            assert!(problem(change).unwrap().contains("search.ranker.budget"));
        }
    }

    fn problem_of(search: Search) -> Option<String> {
        search.check().err().map(|invalid| format!("{invalid:?}"))
    }

    #[test]
    fn a_cluster_needs_an_address_and_a_name_that_it_accepts() {
        assert_eq!(problem_of(Search::default()), None);
        let remote = |url: Option<&str>| Search {
            engine: Engine::OpenSearch,
            url: url.map(|url| url.parse::<url::Url>().unwrap().into()),
            ..Search::default()
        };
        assert!(problem_of(remote(None)).unwrap().contains("search.url"));
        assert!(
            problem_of(remote(Some("ftp://search")))
                .unwrap()
                .contains("ftp")
        );
        assert_eq!(
            problem_of(remote(Some("https://user:word@search:9200"))),
            None
        );
        for index in ["Products", "_products", "", "a b", "a*"] {
            let search = Search {
                index: index.to_owned(),
                ..Search::default()
            };
            assert!(
                problem_of(search).unwrap().contains("search.index"),
                "{index}"
            );
        }
        assert_eq!(Search::default().deadline, Duration::from_millis(750));
        for deadline in [Duration::from_secs(0), Duration::from_secs(11)] {
            let search = Search {
                deadline,
                ..Search::default()
            };
            assert!(problem_of(search).unwrap().contains("search.deadline"));
        }
        let search = Search {
            timeout: Duration::from_secs(1),
            ..Search::default()
        };
        assert!(problem_of(search).unwrap().contains("search.timeout"));
    }
}
