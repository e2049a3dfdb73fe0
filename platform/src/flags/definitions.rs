//! Parses and evaluates files in flagd's format: flags, their variants and their targeting. No I/O.

use std::collections::{BTreeMap, HashMap};

use flagd_evaluation_engine::{FlagParser, FlagdEvaluationError, Operator};
use open_feature::{EvaluationContext, EvaluationError, EvaluationErrorCode, EvaluationReason};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::yaml::{self, YamlError};

/// The flags of a file, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Definitions(BTreeMap<String, Definition>);

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Definition {
    is_enabled: bool,
    /// The variant when the targeting rule returns none.
    default_variant: String,
    variants: HashMap<String, Json>,
    /// JsonLogic that returns the name of a variant, or null.
    targeting: Option<String>,
}

/// A flag's value for one subject, and why it applies.
#[derive(Debug, PartialEq)]
pub(super) struct Resolution<'a> {
    pub(super) value: &'a Json,
    pub(super) variant: String,
    pub(super) reason: EvaluationReason,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum DefinitionError {
    #[error(transparent)]
    Syntax(#[from] YamlError),
    #[error(transparent)]
    Document(#[from] FlagdEvaluationError),
    #[error("flag {flag:?}: {variant:?} is not one of its variants")]
    Variant { flag: String, variant: String },
    #[error("flag {flag:?}: {source}")]
    Targeting {
        flag: String,
        source: FlagdEvaluationError,
    },
}

/// The file as flagd's schema defines it. The engine's own types accept unknown keys.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "$schema", default)]
    schema: Option<String>,
    flags: BTreeMap<String, FlagDocument>,
    /// Rules shared by several flags.
    #[serde(rename = "$evaluators", default)]
    evaluators: Map<String, Json>,
    #[serde(default)]
    metadata: Map<String, Json>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FlagDocument {
    state: State,
    variants: Map<String, Json>,
    default_variant: String,
    #[serde(default)]
    targeting: Option<Json>,
    #[serde(default)]
    metadata: Map<String, Json>,
}

#[derive(Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum State {
    Enabled,
    Disabled,
}

impl Definitions {
    /// Parses YAML, and therefore JSON. A file with only comments has no flags.
    pub(super) fn parse(text: &str, engine: &Operator) -> Result<Self, DefinitionError> {
        let Some(document) = yaml::from_str::<Option<Document>>(text)? else {
            return Ok(Self::default());
        };
        let json = serde_json::to_string(&document).map_err(FlagdEvaluationError::from)?;
        // Inlines the shared rules.
        let parsed = FlagParser::parse_string(&json)?;
        let mut definitions = BTreeMap::new();
        for (flag, parsed) in parsed.flags {
            let has_rule = parsed.targeting.as_ref().is_some_and(|rule| {
                !rule.is_null() && rule.as_object().is_none_or(|rule| !rule.is_empty())
            });
            let definition = Definition {
                is_enabled: document.flags[&flag].state == State::Enabled,
                targeting: has_rule.then(|| parsed.get_targeting()),
                default_variant: parsed.default_variant,
                variants: parsed.variants,
            };
            definition.check(&flag, engine)?;
            definitions.insert(flag, definition);
        }
        Ok(Self(definitions))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn get(&self, flag: &str) -> Option<&Definition> {
        self.0.get(flag)
    }

    /// Evaluates a flag for a subject. A flag that the file does not define or disables is `FlagNotFound`, so the caller's
    /// default applies.
    pub(super) fn resolve(
        &self,
        flag: &str,
        subject: &EvaluationContext,
        engine: &Operator,
    ) -> Result<Resolution<'_>, EvaluationError> {
        let definition = self.0.get(flag).filter(|definition| definition.is_enabled);
        let Some(definition) = definition else {
            return Err(EvaluationError {
                code: EvaluationErrorCode::FlagNotFound,
                message: None,
            });
        };
        let (variant, reason) =
            definition
                .variant(flag, subject, engine)
                .map_err(|error| EvaluationError {
                    code: EvaluationErrorCode::ParseError,
                    message: Some(error.to_string()),
                })?;
        Ok(Resolution {
            value: &definition.variants[&variant],
            variant,
            reason,
        })
    }
}

impl Definition {
    /// Evaluates the rule for an empty subject, so that an invalid rule is found when the file is read.
    fn check(&self, flag: &str, engine: &Operator) -> Result<(), DefinitionError> {
        self.known(flag, self.default_variant.clone())?;
        self.variant(flag, &EvaluationContext::default(), engine)
            .map(|_| ())
    }

    fn variant(
        &self,
        flag: &str,
        subject: &EvaluationContext,
        engine: &Operator,
    ) -> Result<(String, EvaluationReason), DefinitionError> {
        let Some(targeting) = &self.targeting else {
            return Ok((self.default_variant.clone(), EvaluationReason::Static));
        };
        let chosen = engine.apply(flag, targeting, subject).map_err(|source| {
            DefinitionError::Targeting {
                flag: flag.to_owned(),
                source,
            }
        })?;
        Ok(match chosen {
            Some(variant) => (self.known(flag, variant)?, EvaluationReason::TargetingMatch),
            None => (self.default_variant.clone(), EvaluationReason::Default),
        })
    }

    fn known(&self, flag: &str, variant: String) -> Result<String, DefinitionError> {
        if self.variants.contains_key(&variant) {
            return Ok(variant);
        }
        Err(DefinitionError::Variant {
            flag: flag.to_owned(),
            variant,
        })
    }
}
