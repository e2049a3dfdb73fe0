//! What customers do, and in which shares.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A kind of journey. A journey is a sequence of requests of one customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scenario {
    Browse,
    Account,
    Checkout,
    Returns,
    Tracking,
}

impl Scenario {
    pub(crate) const ALL: [Self; 5] = [
        Self::Browse,
        Self::Account,
        Self::Checkout,
        Self::Returns,
        Self::Tracking,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Browse => "browse",
            Self::Account => "account",
            Self::Checkout => "checkout",
            Self::Returns => "returns",
            Self::Tracking => "tracking",
        }
    }

    /// The names of its steps, in order.
    pub(crate) fn steps(self) -> &'static [&'static str] {
        match self {
            Self::Browse => &["search", "suggestions", "filter", "product"],
            Self::Account => &["account", "order"],
            Self::Checkout => &["products", "preview", "place", "order"],
            Self::Returns => &["form", "preview", "create", "status", "cancel"],
            Self::Tracking => &["connect", "snapshot", "hold"],
        }
    }

    /// Its share of all journeys where none is chosen: shops are looked at far more often than bought from.
    fn share(self) -> u32 {
        match self {
            Self::Browse => 60,
            Self::Account => 15,
            Self::Checkout => 10,
            Self::Returns => 5,
            Self::Tracking => 10,
        }
    }

    /// Whether it changes the shop's data.
    pub(crate) fn writes(self) -> bool {
        matches!(self, Self::Checkout | Self::Returns)
    }

    /// Whether its requests are made for a customer who is signed in.
    pub(crate) fn is_signed_in(self) -> bool {
        self != Self::Browse
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no scenario.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScenarioError {
    #[error("{0:?} is no scenario: use browse, account, checkout, returns, tracking or all")]
    Unknown(String),
    #[error("{0} is there twice: name each scenario once")]
    Repeated(Scenario),
    #[error("the share {0:?} is no whole number from 1 to 1000000")]
    Share(String),
}

impl FromStr for Scenario {
    type Err = ScenarioError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|one| one.name() == text);
        named.ok_or_else(|| ScenarioError::Unknown(text.to_owned()))
    }
}

/// The chosen scenarios with their shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scenarios(Vec<(Scenario, u32)>);

impl Scenarios {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Scenario, u32)> {
        self.0.iter().copied()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = Scenario> {
        self.iter().map(|(scenario, _)| scenario)
    }
}

impl FromStr for Scenarios {
    type Err = ScenarioError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "all" {
            let all = Scenario::ALL.map(|scenario| (scenario, scenario.share()));
            return Ok(Self(all.to_vec()));
        }
        let mut chosen: Vec<(Scenario, u32)> = Vec::new();
        for one in text.split(',').map(str::trim) {
            let (name, share) = one.split_once('=').unwrap_or((one, ""));
            let scenario: Scenario = name.parse()?;
            let share = match share {
                "" if name == one => scenario.share(),
                share => match share.parse::<u32>() {
                    Ok(share @ 1..=1_000_000) => share,
                    _ => return Err(ScenarioError::Share(share.to_owned())),
                },
            };
            if chosen.iter().any(|(other, _)| *other == scenario) {
                return Err(ScenarioError::Repeated(scenario));
            }
            chosen.push((scenario, share));
        }
        chosen.sort_unstable_by_key(|(scenario, _)| *scenario);
        Ok(Self(chosen))
    }
}

/// Which scenario comes next: smooth weighted round robin, so that each has its share at any time.
#[derive(Clone, Debug)]
pub(super) struct Mix {
    scenarios: Vec<Weighted>,
    /// How many are left; `None` for no end.
    left: Option<u64>,
}

#[derive(Clone, Debug)]
struct Weighted {
    scenario: Scenario,
    share: i64,
    credit: i64,
}

impl Mix {
    /// Without end in these shares; with `iterations`, that many of each in equal shares.
    pub(super) fn new(scenarios: &Scenarios, iterations: Option<u64>) -> Self {
        let weighted = scenarios.iter().map(|(scenario, share)| Weighted {
            scenario,
            share: if iterations.is_some() {
                1
            } else {
                share.into()
            },
            credit: 0,
        });
        let scenarios: Vec<_> = weighted.collect();
        Self {
            left: iterations.map(|count| count.saturating_mul(scenarios.len() as u64)),
            scenarios,
        }
    }

    /// The same shares, without end.
    pub(super) fn without_end(&self) -> Self {
        Self {
            left: None,
            ..self.clone()
        }
    }

    pub(super) fn next(&mut self) -> Option<Scenario> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        let total: i64 = self.scenarios.iter().map(|one| one.share).sum();
        for one in &mut self.scenarios {
            one.credit += one.share;
        }
        // The first of those with the most credit.
        let next = self.scenarios.iter_mut().rev();
        let next = next.max_by_key(|one| one.credit)?;
        next.credit -= total;
        Some(next.scenario)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenarios(text: &str) -> Result<Scenarios, ScenarioError> {
        text.parse()
    }

    #[test]
    fn scenarios_are_chosen_by_name_with_shares() {
        let all: Vec<_> = scenarios("all").unwrap().names().collect();
        assert_eq!(all, Scenario::ALL);
        assert_eq!(
            scenarios("checkout=3, browse").unwrap(),
            Scenarios(vec![(Scenario::Browse, 60), (Scenario::Checkout, 3)])
        );
        let error = |text: &str| scenarios(text).unwrap_err().to_string();
        assert!(error("basket").contains("use browse, account"));
        assert!(error("").contains("is no scenario"));
        assert!(error("browse,browse=2").contains("browse is there twice"));
        for share in ["browse=0", "browse=", "browse=-1", "browse=1000001"] {
            assert!(error(share).contains("share"), "{share}");
        }
    }

    #[test]
    fn each_scenario_has_its_share_at_any_time() {
        let mut mix = Mix::new(&scenarios("browse=3,account=1").unwrap(), None);
        let first: Vec<_> = std::iter::from_fn(|| mix.next()).take(8).collect();
        let browsed = |part: &[Scenario]| part.iter().filter(|s| **s == Scenario::Browse).count();
        assert_eq!((browsed(&first[..4]), browsed(&first[4..])), (3, 3));
    }

    #[test]
    fn iterations_are_of_each_scenario_and_end() {
        let mut mix = Mix::new(&scenarios("all").unwrap(), Some(2));
        let journeys: Vec<_> = std::iter::from_fn(|| mix.next()).collect();
        assert_eq!(journeys, [Scenario::ALL, Scenario::ALL].concat());
    }
}
