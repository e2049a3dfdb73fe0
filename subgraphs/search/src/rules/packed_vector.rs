//! Vectors as an index keeps them: one byte for each dimension, a quarter of the size, so that comparing many products
//! with a preference reads little memory. The cosine differs by less than 0.01.

use crate::rules::product_vector::{DIMENSIONS, ProductVector};

/// A packed vector as integers of an index: eight dimensions in each.
pub(crate) const WORDS: usize = DIMENSIONS / 8;

/// A packed product vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackedVector([i8; DIMENSIONS]);

/// A preference that packed vectors are compared with, in whole numbers: the result is the same on every machine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PackedPreference {
    values: [i16; DIMENSIONS],
    norm: f32,
}

impl PackedVector {
    /// Scaled by its greatest component. Only the direction is kept.
    pub(crate) fn new(vector: &ProductVector) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "scaled to the range of the type"
        )]
        let packed = scaled(vector, f32::from(i8::MAX)).map(|value| value as i8);
        Self(packed)
    }

    pub(crate) fn to_words(self) -> [u64; WORDS] {
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(self.0.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(bytes.map(i8::cast_unsigned));
        }
        words
    }

    pub(crate) fn from_words(words: &[u64; WORDS]) -> Self {
        let mut packed = [0; DIMENSIONS];
        for (bytes, word) in packed.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes().map(u8::cast_signed);
        }
        Self(packed)
    }
}

impl PackedPreference {
    pub(crate) fn new(vector: &ProductVector) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "scaled to the range of the type"
        )]
        let values = scaled(vector, PREFERENCE_MAX).map(|value| value as i16);
        let squares = values.iter().map(|value| i64::from(*value).pow(2));
        #[expect(clippy::cast_precision_loss, reason = "a sum of squares below 2^31")]
        let norm = (squares.sum::<i64>() as f32).sqrt();
        Self { values, norm }
    }

    /// The cosine with a product's vector, with negative ones as zero.
    pub(crate) fn similarity(&self, product: &PackedVector) -> f32 {
        let (mut dot, mut squares) = (0_i32, 0_i32);
        for (preferred, value) in self.values.iter().zip(&product.0) {
            dot += i32::from(*preferred) * i32::from(*value);
            squares += i32::from(*value) * i32::from(*value);
        }
        #[expect(clippy::cast_precision_loss, reason = "24 bits are enough")]
        let (dot, length) = (dot as f32, (squares as f32).sqrt());
        (dot / (self.norm * length)).clamp(0.0, 1.0)
    }
}

/// Preferences have 12 bits and their sign: 128 products with bytes stay far within 32 bits.
const PREFERENCE_MAX: f32 = 4_095.0;

/// The components, so that the greatest has this size.
fn scaled(vector: &ProductVector, max: f32) -> [f32; DIMENSIONS] {
    let values = vector.values();
    let greatest = values
        .iter()
        .fold(0.0, |max: f32, value| max.max(value.abs()));
    values.map(|value| (value / greatest * max).round())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vector() -> impl Strategy<Value = ProductVector> {
        prop::collection::vec(-1.0_f32..1.0, DIMENSIONS).prop_filter_map("a direction", |values| {
            ProductVector::normalized(values.try_into().ok()?)
        })
    }

    #[test]
    fn a_vector_along_one_axis_is_itself() {
        let mut values = [0.0; DIMENSIONS];
        values[127] = -3.0;
        let vector = ProductVector::normalized(values).unwrap();
        let similarity = PackedPreference::new(&vector).similarity(&PackedVector::new(&vector));
        assert!((similarity - 1.0).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn similarities_are_nearly_those_of_the_vectors(a in vector(), b in vector()) {
            let packed = PackedPreference::new(&a).similarity(&PackedVector::new(&b));
            prop_assert!((packed - a.similarity(&b)).abs() < 0.01);
            let same = PackedPreference::new(&a).similarity(&PackedVector::new(&a));
            prop_assert!((same - 1.0).abs() < 0.001, "{same}");
        }

        #[test]
        fn words_keep_the_vector(a in vector()) {
            let packed = PackedVector::new(&a);
            prop_assert_eq!(PackedVector::from_words(&packed.to_words()), packed);
        }
    }
}
