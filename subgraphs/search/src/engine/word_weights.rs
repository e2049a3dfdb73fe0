//! What the words of a query count relative to each other: rare ones more than frequent ones. The frequencies are those of
//! when the index was built, and stay the same until it is built anew.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// A word counts the most if this share of the products have it, or fewer.
const RARE: u64 = 1_000;

/// How many products have the frequent words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WordWeights {
    products: u64,
    /// By stem, the number of products that have it in the title, the brand or the category, whichever is the most.
    frequent: HashMap<String, u64>,
}

impl WordWeights {
    /// From how many of the products have each stem, in the title, in the brand and in the category.
    pub(super) fn of_counts(
        products: u64,
        fields: impl IntoIterator<Item = HashMap<String, u64>>,
    ) -> Self {
        let mut frequent: HashMap<String, u64> = HashMap::new();
        let least = products.div_ceil(RARE);
        for field in fields {
            for (stem, count) in field.into_iter().filter(|(_, count)| *count > least) {
                let most = frequent.entry(stem).or_default();
                *most = count.max(*most);
            }
        }
        Self { products, frequent }
    }

    /// From 1 for a word that every product has to 2 for a rare one.
    pub(super) fn of(&self, stem: &str) -> f32 {
        let Some(&having) = self.frequent.get(stem) else {
            return 2.0;
        };
        #[expect(clippy::cast_precision_loss, reason = "only its logarithm matters")]
        let (having, products, rare) = (having as f32, self.products as f32, RARE as f32);
        1.0 + (products / having).max(1.0).log(rare).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rare_word_counts_twice_as_much_as_one_that_all_have() {
        let weights = WordWeights {
            products: 1_000_000,
            frequent: HashMap::from([("all".to_owned(), 1_000_000), ("some".to_owned(), 31_623)]),
        };
        for (stem, expected) in [("all", 1.0), ("some", 1.5), ("rare", 2.0)] {
            assert!((weights.of(stem) - expected).abs() < 0.001, "{stem}");
        }
    }
}
