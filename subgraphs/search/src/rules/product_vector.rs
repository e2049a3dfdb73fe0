//! Product vectors: what a product is like, as 128 numbers. Products that are alike point in the same direction, so the
//! cosine of a product's vector and a customer's preference vector tells how well it fits.
//!
//! [`ProductVector::of_product`] computes them from text alone, always with the same result. Four parts are added up
//! with fixed weights, each scaled to length one before: the category (1.0), the title (0.7), the brand (0.5) and the
//! description (0.35). So two products of one category have a cosine of about 0.55 or more, and unrelated products one
//! of about 0 ± 0.09. A part is the sum of its features: stemmed words, in titles also groups of three characters, for
//! categories and brands also the whole name. Each feature is hashed to 128 signs (signed feature hashing, with XXH3).
//!
//! The vectors of a trained model can replace them.

use std::collections::BTreeSet;

use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer,
    TextAnalyzer,
};
use xxhash_rust::xxh3::xxh3_128;

/// The number of dimensions.
pub const DIMENSIONS: usize = 128;

const CATEGORY: f32 = 1.0;
const TITLE: f32 = 0.7;
const BRAND: f32 = 0.5;
const DESCRIPTION: f32 = 0.35;
/// The weight of a group of three characters, relative to a word.
const TRIGRAM: f32 = 0.25;
/// Longer words are ignored.
const MAX_WORD_BYTES: usize = 40;
/// Words of a description beyond this number are ignored.
const MAX_WORDS: usize = 200;
/// A stored vector: little-endian floats.
const BYTES: usize = DIMENSIONS * size_of::<f32>();

/// A vector of length one.
#[derive(Clone, PartialEq)]
pub struct ProductVector([f32; DIMENSIONS]);

/// The texts that a vector is computed from.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProductText<'a> {
    pub title: &'a str,
    pub description: &'a str,
    pub brand: Option<&'a str>,
    pub category: &'a str,
}

impl ProductVector {
    /// Scales these numbers to length one. `None` if they have no direction: all zero, or not finite.
    pub fn normalized(mut values: [f32; DIMENSIONS]) -> Option<Self> {
        let norm = values
            .iter()
            .map(|value| f64::from(*value).powi(2))
            .sum::<f64>()
            .sqrt();
        if !norm.is_normal() {
            return None;
        }
        for value in &mut values {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a quotient of at most one, as a float"
            )]
            let scaled = (f64::from(*value) / norm) as f32;
            *value = scaled;
        }
        Some(Self(values))
    }

    /// The vector of a product with these texts; `None` without a word in any of them.
    pub fn of_product(text: ProductText<'_>) -> Option<Self> {
        let mut sum = [0.0; DIMENSIONS];
        let mut analyzer = analyzer();
        for (weight, part) in [
            (CATEGORY, name_part(&mut analyzer, "c", text.category)),
            (TITLE, title_part(&mut analyzer, text.title)),
            (
                BRAND,
                name_part(&mut analyzer, "b", text.brand.unwrap_or_default()),
            ),
            (DESCRIPTION, words_part(&mut analyzer, text.description)),
        ] {
            if let Some(part) = Self::normalized(part) {
                add(&mut sum, &part, weight);
            }
        }
        Self::normalized(sum)
    }

    /// From -1 to 1.
    pub fn cosine(&self, other: &Self) -> f32 {
        let products = self.0.iter().zip(&other.0).map(|(a, b)| a * b);
        products.sum::<f32>().clamp(-1.0, 1.0)
    }

    /// The cosine, with negative ones as zero: products unlike a customer's preferences are not moved down.
    pub fn similarity(&self, other: &Self) -> f32 {
        self.cosine(other).max(0.0)
    }

    pub const fn values(&self) -> &[f32; DIMENSIONS] {
        &self.0
    }

    /// As stored: little-endian floats.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    /// From stored bytes; `None` if they are no vector.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != BYTES {
            return None;
        }
        let mut values = [0.0; DIMENSIONS];
        for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
            *value = f32::from_le_bytes(*bytes);
        }
        Self::normalized(values)
    }
}

impl std::fmt::Debug for ProductVector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProductVector({:?}…)", &self.0[..2])
    }
}

/// Adds a multiple of a vector to a sum.
pub(crate) fn add(sum: &mut [f32; DIMENSIONS], vector: &ProductVector, weight: f32) {
    for (sum, value) in sum.iter_mut().zip(&vector.0) {
        *sum += weight * value;
    }
}

/// Lower case, without diacritics, stemmed.
fn analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(MAX_WORD_BYTES))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .filter(Stemmer::new(Language::English))
        .build()
}

/// Each word once, so that repeating one does not count.
fn words(analyzer: &mut TextAnalyzer, text: &str) -> BTreeSet<String> {
    let mut stream = analyzer.token_stream(text);
    let mut words = BTreeSet::new();
    while words.len() < MAX_WORDS
        && let Some(token) = stream.next()
    {
        words.insert(token.text.clone());
    }
    words
}

/// The whole name, and its words.
fn name_part(analyzer: &mut TextAnalyzer, kind: &str, name: &str) -> [f32; DIMENSIONS] {
    let mut sum = [0.0; DIMENSIONS];
    let words = words(analyzer, name);
    if words.is_empty() {
        return sum;
    }
    let whole: Vec<_> = words.iter().map(String::as_str).collect();
    add_feature(&mut sum, &format!("{kind}={}", whole.join(" ")), 1.0);
    for word in &words {
        add_feature(&mut sum, &format!("{kind}:{word}"), 1.0);
    }
    sum
}

/// The words, and their groups of three characters, which relate "earbud" to "earbuds-pro".
fn title_part(analyzer: &mut TextAnalyzer, title: &str) -> [f32; DIMENSIONS] {
    let mut sum = [0.0; DIMENSIONS];
    for word in words(analyzer, title) {
        add_feature(&mut sum, &format!("w:{word}"), 1.0);
        let bounded: Vec<char> = format!("^{word}$").chars().collect();
        for group in bounded.windows(3) {
            let group: String = group.iter().collect();
            add_feature(&mut sum, &format!("t:{group}"), TRIGRAM);
        }
    }
    sum
}

/// The words, under the same features as in titles.
fn words_part(analyzer: &mut TextAnalyzer, text: &str) -> [f32; DIMENSIONS] {
    let mut sum = [0.0; DIMENSIONS];
    for word in words(analyzer, text) {
        add_feature(&mut sum, &format!("w:{word}"), 1.0);
    }
    sum
}

/// Adds or subtracts the weight in each dimension, by the bits of the feature's hash.
fn add_feature(sum: &mut [f32; DIMENSIONS], feature: &str, weight: f32) {
    let mut signs = xxh3_128(feature.as_bytes());
    for value in sum {
        *value += if signs & 1 == 1 { weight } else { -weight };
        signs >>= 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn product(title: &str, brand: &str, category: &str, description: &str) -> ProductVector {
        ProductVector::of_product(ProductText {
            title,
            description,
            brand: Some(brand),
            category,
        })
        .unwrap()
    }

    #[test]
    fn products_of_a_category_are_near_each_other_and_others_are_not() {
        let wireless = product(
            "Auralis One Wireless Headphones",
            "Auralis",
            "Headphones",
            "Wireless Headphones by Auralis. Clear sound and a comfortable fit.",
        );
        let gaming = product(
            "Vectra Max Gaming Headphones",
            "Vectra",
            "Headphones",
            "Gaming Headphones by Vectra. Clear sound and a comfortable fit.",
        );
        let same_brand = product(
            "Auralis Pro 32 inch Monitor",
            "Auralis",
            "Monitors",
            "Monitor by Auralis. A sharp, evenly lit display.",
        );
        let unrelated = product(
            "Fernhill Rain Coat",
            "Fernhill",
            "Coats",
            "Keeps the weather out.",
        );
        let to = |other: &ProductVector| wireless.cosine(other);
        assert!((to(&wireless) - 1.0).abs() < 1e-5);
        assert!(to(&gaming) > 0.55, "{}", to(&gaming));
        assert!(to(&same_brand) > to(&unrelated), "{}", to(&same_brand));
        assert!(to(&gaming) > to(&same_brand) + 0.2);
        assert!(to(&unrelated).abs() < 0.25, "{}", to(&unrelated));
    }

    #[test]
    fn categories_that_share_a_word_are_nearer_than_those_that_do_not() {
        let titles = [
            "Marathon", "Oxford", "Trail", "Derby", "Sprint", "Loafer", "Glide",
        ];
        // The mean over many titles, because a single pair also has a random part.
        let mean = |one: &str, other: &str| {
            let vector = |title: &str, category: &str| product(title, "", category, "");
            let cosines = titles.iter().flat_map(|a| {
                let others = titles.iter().filter(move |b| *b != a);
                others.map(|b| vector(a, one).cosine(&vector(b, other)))
            });
            let cosines: Vec<_> = cosines.collect();
            cosines.iter().sum::<f32>() / 42.0
        };
        let near = mean("Running Shoes", "Dress Shoes");
        let far = mean("Running Shoes", "Kitchen Knives");
        assert!(near > far + 0.1, "{near} {far}");
    }

    #[test]
    fn case_plurals_and_diacritics_do_not_matter() {
        let one = product("CAFÉ Cups", "Lumora", "Cups", "For coffee");
        let same = product("cafe cup", "lumora", "cup", "for Coffee");
        assert_eq!(one, same);
    }

    #[test]
    fn the_vector_of_a_text_is_the_same_in_every_version() {
        let vector = product("Wireless Headphones", "Auralis", "Audio", "Over-ear");
        let start = vector.values()[..4]
            .iter()
            .map(|value| (value * 1e4).round());
        let start: Vec<_> = start.collect();
        // If this changes, preferences that an earlier version has stored no longer fit.
        assert_eq!(start, [-235.0, -367.0, 612.0, 455.0]);
    }

    #[test]
    fn what_has_no_direction_is_no_vector() {
        assert_eq!(ProductVector::of_product(ProductText::default()), None);
        assert_eq!(ProductVector::normalized([0.0; DIMENSIONS]), None);
        for bad in [f32::NAN, f32::INFINITY] {
            let mut values = [1.0; DIMENSIONS];
            values[7] = bad;
            assert_eq!(ProductVector::normalized(values), None);
        }
        assert_eq!(ProductVector::from_bytes(&[1; 511]), None);
        assert_eq!(ProductVector::from_bytes(&[0; 512]), None);
    }

    fn values() -> impl Strategy<Value = [f32; DIMENSIONS]> {
        prop::collection::vec(-1e3_f32..1e3, DIMENSIONS)
            .prop_map(|values| values.try_into().unwrap())
    }

    proptest! {
        #[test]
        fn vectors_have_length_one_and_survive_storage(values in values()) {
            let vector = ProductVector::normalized(values).unwrap();
            prop_assert!((vector.cosine(&vector) - 1.0).abs() < 1e-4);
            let restored = ProductVector::from_bytes(&vector.to_bytes()).unwrap();
            prop_assert!((restored.cosine(&vector) - 1.0).abs() < 1e-4);
        }

        #[test]
        fn cosines_are_symmetric_and_similarity_is_never_negative(a in values(), b in values()) {
            let (a, b) = (ProductVector::normalized(a).unwrap(), ProductVector::normalized(b).unwrap());
            prop_assert_eq!(a.cosine(&b), b.cosine(&a));
            prop_assert!((-1.0..=1.0).contains(&a.cosine(&b)));
            prop_assert_eq!(a.similarity(&b), a.cosine(&b).max(0.0));
        }

        #[test]
        fn every_text_with_a_word_has_a_vector(title in "\\PC{0,60}", category in "[a-z]{1,20}") {
            let text = ProductText { title: &title, category: &category, ..ProductText::default() };
            prop_assert!(ProductVector::of_product(text).is_some());
        }
    }
}
