//! Ranks by a customer's preferences: the score of the text is multiplied by 1 + boost × similarity.

use tantivy::DocId;
use tantivy::columnar::Column;

use crate::engine::{SearchQuery, Sort};
use crate::rules::packed_vector::{PackedPreference, PackedVector, WORDS};

/// A customer's preferences, if results are sorted by relevance.
pub(super) struct Personal {
    preference: PackedPreference,
    boost: f32,
}

impl Personal {
    pub(super) fn of(query: &SearchQuery) -> Option<Self> {
        let preference = query.preference.as_ref()?;
        (query.sort == Sort::Relevance).then(|| Self {
            preference: PackedPreference::new(&preference.vector),
            boost: preference.boost.max(0.0),
        })
    }

    /// What a score is at most, whatever the product.
    pub(super) fn at_most(&self, score: f32) -> f32 {
        score * (1.0 + self.boost)
    }

    pub(super) fn score(&self, score: f32, similarity: f32) -> f32 {
        score * (1.0 + self.boost * similarity)
    }

    /// Zero for a product without a vector.
    pub(super) fn similarity(&self, vectors: &Column<u64>, product: DocId) -> f32 {
        let rows = vectors.index.value_row_ids(product);
        if rows.len() != WORDS {
            return 0.0;
        }
        let mut words = [0; WORDS];
        vectors.values.get_range(rows.start.into(), &mut words);
        self.preference
            .similarity(&PackedVector::from_words(&words))
    }
}
