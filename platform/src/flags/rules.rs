//! What a file of flags says, and whom its rules are about. No I/O.

use std::collections::{BTreeMap, HashMap};

use open_feature::{EvaluationContext, EvaluationContextFieldValue};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The flags of a file, by name.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub(super) struct Definitions(BTreeMap<String, Definition>);

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Definition {
    /// For those whom no rule is about.
    default: bool,
    /// The first that is about somebody decides.
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// Fields of the context, each with the values of which it must have one.
    #[serde(default)]
    when: BTreeMap<String, OneOf>,
    /// Of those, how many: the same ones every time, and still when the number grows.
    #[serde(default)]
    percentage: Percentage,
    serve: bool,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum OneOf {
    One(Scalar),
    Many(Vec<Scalar>),
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Scalar {
    Bool(bool),
    Int(i64),
    Text(String),
}

/// Up to hundredths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "f64")]
struct Percentage(u16);

const ALL: u16 = 10_000;

impl Default for Percentage {
    fn default() -> Self {
        Self(ALL)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a percentage is between 0 and 100")]
struct NoPercentage;

impl TryFrom<f64> for Percentage {
    type Error = NoPercentage;

    fn try_from(percentage: f64) -> Result<Self, NoPercentage> {
        if !(0.0..=100.0).contains(&percentage) {
            return Err(NoPercentage);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 10,000"
        )]
        Ok(Self((percentage * 100.0).round() as u16))
    }
}

/// How a flag's value came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Default(bool),
    Rule(bool),
    /// By a rule that is about some of many.
    Split(bool),
}

impl Definitions {
    pub(super) fn parse(yaml: &str) -> Result<Self, crate::yaml::YamlError> {
        // A file of comments alone is no mapping.
        Ok(crate::yaml::from_str::<Option<Self>>(yaml)?.unwrap_or_default())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn get(&self, flag: &str) -> Option<&Definition> {
        self.0.get(flag)
    }

    /// What holds for this subject; `None` if the file does not name the flag.
    pub(super) fn answer(&self, flag: &str, whom: &EvaluationContext) -> Option<Answer> {
        let definition = self.0.get(flag)?;
        let rule = definition
            .rules
            .iter()
            .find(|rule| rule.is_about(flag, whom));
        Some(match rule {
            None => Answer::Default(definition.default),
            Some(rule) if rule.percentage.0 == ALL => Answer::Rule(rule.serve),
            Some(rule) => Answer::Split(rule.serve),
        })
    }
}

impl Rule {
    fn is_about(&self, flag: &str, whom: &EvaluationContext) -> bool {
        self.when
            .iter()
            .all(|(field, values)| values.has(field, &whom.custom_fields))
            && self.percentage.takes(flag, whom.targeting_key.as_deref())
    }
}

impl OneOf {
    fn has(&self, field: &str, fields: &HashMap<String, EvaluationContextFieldValue>) -> bool {
        let values = match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        };
        fields
            .get(field)
            .is_some_and(|value| values.iter().any(|known| known.is(value)))
    }
}

impl Scalar {
    fn is(&self, value: &EvaluationContextFieldValue) -> bool {
        match self {
            Self::Bool(known) => value.as_bool() == Some(*known),
            Self::Int(known) => value.as_i64() == Some(*known),
            Self::Text(known) => value.as_str() == Some(known),
        }
    }
}

impl Percentage {
    /// Whether the subject is one of those. Nobody is who cannot be told apart.
    fn takes(self, flag: &str, key: Option<&str>) -> bool {
        self.0 == ALL || key.is_some_and(|key| place(flag, key) < self.0)
    }
}

/// The subject's place among 10,000, another for each flag: those who are first in one are not in all.
fn place(flag: &str, key: &str) -> u16 {
    let mut hash = Sha256::new_with_prefix(flag);
    hash.update([0]);
    hash.update(key);
    let digest = hash.finalize();
    let number = digest[..8]
        .iter()
        .fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    // A remainder by 10,000 is below it.
    u16::try_from(number % u64::from(ALL)).unwrap_or_default()
}
