//! The GraphQL type `Personalization`.

use async_graphql::{Enum, SimpleObject};

/// How strongly results are personalized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum PersonalizationMode {
    /// Not at all.
    None,
    /// Half by the customer's preferences, half by what is popular in each category.
    Blended,
    /// By the customer's preferences.
    Full,
}

/// How results are personalized. They are not yet, so the mode is always NONE.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct Personalization {
    /// How strongly the results are personalized.
    pub mode: PersonalizationMode,
    /// The factor for products that fit the customer's preferences; 1 has no effect.
    pub boost: f64,
    /// The customer's group in the experiment, `control` for those whose results are not personalized.
    pub variant: &'static str,
    /// Whether the order differs from that by relevance alone.
    pub reranked: bool,
}

impl Personalization {
    /// No personalization: relevance only.
    pub(crate) const NONE: Self = Self {
        mode: PersonalizationMode::None,
        boost: 1.0,
        variant: "control",
        reranked: false,
    };
}
