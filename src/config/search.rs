//! The `search` section.

use platform::config::Invalid;
use schemars::JsonSchema;
use search::PersonalizationConfig;
use serde::{Deserialize, Serialize};

/// How products are found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Search {
    pub(crate) personalization: Personalization,
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

impl Search {
    pub(super) fn check(&self) -> Result<(), Invalid> {
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
            (|it| it.full_boost = -0.1) as fn(&mut Personalization),
            |it| it.full_boost = f64::NAN,
            |it| it.full_boost = 10.1,
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
}
