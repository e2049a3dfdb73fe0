//! What a ranking model knows of a result: four numbers from 0 to 1.

use chrono::{DateTime, TimeDelta, Utc};

/// The names of the features in model files, in their order.
pub const FEATURES: [&str; 4] = [
    "text_score",
    "preference_similarity",
    "recency",
    "popularity_7d",
];

/// A product half as recent as a new one is this old.
const HALF_LIFE: TimeDelta = TimeDelta::days(30);

/// The features of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Features {
    /// How well the text matches, relative to the best of the results that are ranked.
    pub text_score: f64,
    /// The cosine of the customer's preference and the product; negative ones, and those without a preference, are 0.
    pub similarity: f64,
    pub recency: f64,
    pub popularity: f64,
}

impl Features {
    /// In the order of [`FEATURES`].
    pub fn values(self) -> [f64; FEATURES.len()] {
        [
            self.text_score,
            self.similarity,
            self.recency,
            self.popularity,
        ]
    }
}

/// The score of the text alone, from a score that was multiplied by 1 + boost × similarity.
pub fn text_score(score: f64, boost: f64, similarity: f64) -> f64 {
    let factor = 1.0 + boost.max(0.0) * similarity.max(0.0);
    (score / factor).max(0.0)
}

/// Scores relative to the best of them. All are 1 if none is above 0.
pub fn relative_to_best(scores: &[f64]) -> Vec<f64> {
    let best = scores.iter().copied().fold(0.0, f64::max);
    let relative = |score: &f64| {
        if best > 0.0 {
            (score / best).clamp(0.0, 1.0)
        } else {
            1.0
        }
    };
    scores.iter().map(relative).collect()
}

/// 1 for a product that is new in the catalog, halved every 30 days. The same throughout an hour, so that results do not
/// change places from one search to the next.
pub fn recency(created_at: DateTime<Utc>, now: DateTime<Utc>) -> f64 {
    let age = (now - created_at).max(TimeDelta::zero());
    let age = TimeDelta::hours(age.num_hours());
    (-age.as_seconds_f64() / HALF_LIFE.as_seconds_f64()).exp2()
}

/// 1 for the most popular product, 0 for one that nobody viewed or bought, and the logarithm between them: half as many
/// is almost as popular.
pub fn popularity(count: f64, most: f64) -> f64 {
    if most <= 0.0 {
        return 0.0;
    }
    (count.max(0.0).ln_1p() / most.ln_1p()).min(1.0)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn close(actual: f64, expected: f64) {
        assert!((actual - expected).abs() < 1e-9, "{actual} {expected}");
    }

    #[test]
    fn text_scores_are_without_the_preference_and_relative_to_the_best() {
        close(text_score(0.5, 1.5, 0.0), 0.5);
        close(text_score(1.0, 1.5, 1.0), 0.4);
        close(text_score(1.0, 0.75, 0.4), 1.0 / 1.3);
        close(text_score(f64::from(-0.1_f32), 1.0, 0.0), 0.0);
        assert_eq!(relative_to_best(&[2.0, 1.0, 0.0]), [1.0, 0.5, 0.0]);
        assert_eq!(relative_to_best(&[0.0, 0.0]), [1.0, 1.0]);
        assert_eq!(relative_to_best(&[]), [] as [f64; 0]);
    }

    #[test]
    fn recency_halves_every_thirty_days() {
        let now = Utc.with_ymd_and_hms(2025, 10, 9, 12, 0, 0).unwrap();
        for (days, expected) in [
            (0, 1.0),
            (30, 0.5),
            (60, 0.25),
            (300, 1.0 / 1024.0),
            (-5, 1.0),
        ] {
            close(recency(now - TimeDelta::days(days), now), expected);
        }
        assert!(recency(DateTime::UNIX_EPOCH, now) < 1e-6);
    }

    #[test]
    fn popularity_is_logarithmic_relative_to_the_most_popular() {
        close(popularity(0.0, 0.0), 0.0);
        close(popularity(0.0, 100.0), 0.0);
        close(popularity(100.0, 100.0), 1.0);
        close(popularity(9.0, 99.0), 0.5);
        close(popularity(200.0, 100.0), 1.0);
    }
}
