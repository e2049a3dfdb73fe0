//! The ranking model: gradient-boosted trees in LightGBM's text format, evaluated in this process.

use bosk::LgbModel;

use super::features::{FEATURES, Features};

/// The model of this build.
const BUILT_IN: &str = include_str!("../../ranking/model.txt");
/// What LightGBM writes after the last tree. Without it the file is incomplete.
const END: &str = "end of trees";
/// A model with more would take longer than a search may.
const MAX_TREES: usize = 2_000;

/// A model that scores results. The higher the score, the earlier the result.
#[derive(Debug)]
pub struct RankingModel {
    model: LgbModel,
}

/// Why a file is not a ranking model.
#[derive(Debug, thiserror::Error)]
pub enum RankingModelError {
    #[error("not a model that can be evaluated: {0}")]
    Format(#[from] bosk::Error),
    #[error("the file ends before its last tree does")]
    Incomplete,
    #[error("its features are {0:?} instead of {expected:?}", expected = FEATURES.join(" "))]
    Features(String),
    #[error("it has {0} trees, more than {MAX_TREES}")]
    TooLarge(usize),
    #[error("it gives scores that are not finite")]
    NotFinite,
}

impl RankingModel {
    /// From the text that LightGBM's `save_model` writes.
    ///
    /// # Errors
    /// If the text is incomplete, or the model is of another kind or has other features.
    pub fn parse(text: &str) -> Result<Self, RankingModelError> {
        let mut lines = text.lines();
        let names = lines.find_map(|line| line.strip_prefix("feature_names="));
        let names = names.unwrap_or_default();
        if !names.split_whitespace().eq(FEATURES) {
            return Err(RankingModelError::Features(names.to_owned()));
        }
        if !lines.any(|line| line == END) {
            return Err(RankingModelError::Incomplete);
        }
        let model = LgbModel::parse(text)?;
        if model.num_features() != FEATURES.len() {
            return Err(RankingModelError::Features(names.to_owned()));
        }
        if model.num_trees() > MAX_TREES {
            return Err(RankingModelError::TooLarge(model.num_trees()));
        }
        let model = Self { model };
        let extremes = [0.0, 1.0].map(|value| Features {
            text_score: value,
            similarity: value,
            recency: value,
            popularity: value,
        });
        if !extremes
            .map(|one| model.score(one))
            .iter()
            .all(|one| one.is_finite())
        {
            return Err(RankingModelError::NotFinite);
        }
        Ok(model)
    }

    pub fn score(&self, features: Features) -> f64 {
        self.model.predict_unchecked(&features.values())
    }

    /// The number of trees.
    pub fn trees(&self) -> usize {
        self.model.num_trees()
    }
}

impl Default for RankingModel {
    /// The model of this build.
    #[expect(clippy::expect_used, reason = "a test reads it")]
    fn default() -> Self {
        Self::parse(BUILT_IN).expect("the built-in model is valid")
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Prediction {
        features: [f64; FEATURES.len()],
        prediction: f64,
    }

    fn features([text_score, similarity, recency, popularity]: [f64; FEATURES.len()]) -> Features {
        Features {
            text_score,
            similarity,
            recency,
            popularity,
        }
    }

    #[test]
    fn scores_are_those_of_lightgbm() {
        let fixture = include_str!("../../ranking/predictions.json");
        let predictions: Vec<Prediction> = serde_json::from_str(fixture).unwrap();
        assert!(predictions.len() >= 200);
        let model = RankingModel::default();
        let mut different = 0;
        for one in &predictions {
            let score = model.score(features(one.features));
            let expected = one.prediction;
            assert!(
                (score - expected).abs() <= 1e-6,
                "{:?}: {score} instead of {expected}",
                one.features
            );
            different += usize::from((score - predictions[0].prediction).abs() > 0.02);
        }
        assert!(different > 50, "the predictions differ: {different}");
    }

    #[test]
    fn an_exact_title_stays_first_and_more_of_anything_is_better() {
        let model = RankingModel::default();
        let score = |values| model.score(features(values));
        // A title with more words than the query has less than a third of the score of an exact one.
        assert!(score([1.0, 0.0, 0.0, 0.0]) > score([0.33, 1.0, 1.0, 1.0]));
        // Preferences decide between equal matches, whatever is popular or new.
        assert!(score([1.0, 0.7, 0.0, 0.0]) > score([1.0, 0.1, 1.0, 1.0]));
        for feature in 0..FEATURES.len() {
            let steps = (0..=20).map(|step| {
                let mut values = [0.9, 0.3, 0.3, 0.3];
                values[feature] = f64::from(step) / 20.0;
                score(values)
            });
            let scores: Vec<f64> = steps.collect();
            assert!(scores.is_sorted(), "{}: {scores:?}", FEATURES[feature]);
            assert!(scores[20] > scores[0] + 0.005, "{}", FEATURES[feature]);
        }
    }

    #[test]
    fn other_files_are_refused_with_a_reason() {
        let problem = |text: &str| RankingModel::parse(text).unwrap_err().to_string();
        assert!(problem("").contains("its features are"));
        assert!(problem("nonsense\n").contains("its features are"));
        let half = &BUILT_IN[..BUILT_IN.len() / 2];
        assert!(problem(half).contains("ends before"));
        let other = BUILT_IN.replace("popularity_7d", "price");
        assert!(
            problem(&other).contains("recency price"),
            "{}",
            problem(&other)
        );
        let swapped = BUILT_IN.replace(
            "text_score preference_similarity",
            "preference_similarity text_score",
        );
        assert!(problem(&swapped).contains("its features are"));
        let classes = BUILT_IN.replace("num_class=1", "num_class=3");
        assert!(problem(&classes).contains("cannot") || problem(&classes).contains("multiclass"));
        let damaged = BUILT_IN.replacen("left_child=", "left_child=99 ", 1);
        assert!(problem(&damaged).contains("not a model"));
        let broken = BUILT_IN
            .lines()
            .map(|line| match line.strip_prefix("leaf_value=") {
                Some(values) => {
                    let values = values.split(' ').map(|_| "nan");
                    format!("leaf_value={}\n", values.collect::<Vec<_>>().join(" "))
                }
                None => format!("{line}\n"),
            });
        assert!(problem(&broken.collect::<String>()).contains("not finite"));
    }
}
