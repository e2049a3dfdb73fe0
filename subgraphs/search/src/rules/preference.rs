//! What a customer likes, computed from what they did with products in the last 90 days.
//!
//! A customer's own vector is the sum of the vectors of the products, each weighted by what was done with it, scaled to
//! length one. Below 10 signals there is no preference. From 10 to 50 it is half the customer's own vector, and half what
//! is popular in the categories of their signals. Above 50 it is their own vector.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use entities::search::customer_preference::PreferenceMode;
use entities::search::signal::SignalKind;

use crate::rules::product_vector::{DIMENSIONS, ProductVector, add};

/// How far back signals count.
pub(crate) const WINDOW: TimeDelta = TimeDelta::days(90);
/// The fewest signals for a blended preference, and the most.
const BLENDED: std::ops::RangeInclusive<i64> = 10..=50;
/// The customer's own share of a blended preference.
const OWN_SHARE: f32 = 0.5;
/// How many categories and brands are named as interests.
const MAX_INTERESTS: usize = 8;
/// The share of all weights from which a category or a brand is an interest.
const MIN_SHARE: f32 = 0.05;

/// How much a signal says about a customer's preferences.
pub(crate) const fn weight(kind: SignalKind) -> f32 {
    match kind {
        SignalKind::ReviewRead => 0.5,
        SignalKind::View => 1.0,
        SignalKind::SearchClick => 1.5,
        SignalKind::Cart => 2.0,
        SignalKind::Wishlist => 3.0,
        SignalKind::Purchase => 5.0,
    }
}

/// The mode for a customer with so many signals.
pub(crate) fn mode(signals: i64) -> PreferenceMode {
    if signals < *BLENDED.start() {
        PreferenceMode::None
    } else if BLENDED.contains(&signals) {
        PreferenceMode::Blended
    } else {
        PreferenceMode::Full
    }
}

/// What a customer did with one product.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interaction<'a> {
    /// How often they did what.
    pub kind: SignalKind,
    pub count: i64,
    /// `None` if the product is no longer in the catalog: it counts as a signal, but says nothing.
    pub product: Option<Liked<'a>>,
}

/// The product of an interaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Liked<'a> {
    pub vector: &'a ProductVector,
    pub category: &'a str,
    pub brand: Option<&'a str>,
}

/// What was computed of a customer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Preferences {
    pub mode: PreferenceMode,
    pub signals: i64,
    /// `None` exactly if the mode is.
    pub vector: Option<ProductVector>,
    /// Names of categories and brands, strongest first.
    pub categories: Vec<String>,
    pub brands: Vec<String>,
}

/// A customer's own vector, and how much their signals weigh in each category.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OwnPreference<'a> {
    pub vector: ProductVector,
    pub categories: BTreeMap<&'a str, f32>,
    brands: BTreeMap<&'a str, f32>,
}

/// `None` without a signal whose product is known.
pub(crate) fn own_preference<'a>(interactions: &[Interaction<'a>]) -> Option<OwnPreference<'a>> {
    let mut sum = [0.0; DIMENSIONS];
    let (mut categories, mut brands) = (BTreeMap::new(), BTreeMap::new());
    for interaction in interactions {
        let Some(product) = interaction.product else {
            continue;
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "counts of signals, far below 2^24"
        )]
        let weight = weight(interaction.kind) * interaction.count as f32;
        add(&mut sum, product.vector, weight);
        *categories.entry(product.category).or_insert(0.0) += weight;
        if let Some(brand) = product.brand {
            *brands.entry(brand).or_insert(0.0) += weight;
        }
    }
    Some(OwnPreference {
        vector: ProductVector::normalized(sum)?,
        categories,
        brands,
    })
}

/// The preferences of a customer with these interactions, given what is popular in each category.
pub(crate) fn preferences(
    interactions: &[Interaction<'_>],
    popular: &BTreeMap<String, ProductVector>,
) -> Preferences {
    let signals = interactions.iter().map(|one| one.count).sum();
    let own = match mode(signals) {
        PreferenceMode::None => None,
        mode => own_preference(interactions).map(|own| (mode, own)),
    };
    let Some((mode, own)) = own else {
        return Preferences {
            mode: PreferenceMode::None,
            signals,
            vector: None,
            categories: Vec::new(),
            brands: Vec::new(),
        };
    };
    let vector = match mode {
        PreferenceMode::Blended => blend(&own, popular),
        PreferenceMode::None | PreferenceMode::Full => own.vector,
    };
    Preferences {
        mode,
        signals,
        vector: Some(vector),
        categories: strongest(&own.categories),
        brands: strongest(&own.brands),
    }
}

/// Half the customer's own vector, and half what is popular in their categories, by the weight of their signals there.
/// Without anything popular, only their own.
fn blend(own: &OwnPreference<'_>, popular: &BTreeMap<String, ProductVector>) -> ProductVector {
    let mut sum = [0.0; DIMENSIONS];
    for (category, weight) in &own.categories {
        if let Some(vector) = popular.get(*category) {
            add(&mut sum, vector, *weight);
        }
    }
    let Some(popular) = ProductVector::normalized(sum) else {
        return own.vector.clone();
    };
    let mut blended = [0.0; DIMENSIONS];
    add(&mut blended, &own.vector, OWN_SHARE);
    add(&mut blended, &popular, 1.0 - OWN_SHARE);
    // Opposite vectors cancel each other out.
    ProductVector::normalized(blended).unwrap_or_else(|| own.vector.clone())
}

/// The names with the greatest weights, those of a small share left out.
fn strongest(weights: &BTreeMap<&str, f32>) -> Vec<String> {
    let total: f32 = weights.values().sum();
    let mut names: Vec<_> = weights
        .iter()
        .filter(|(_, weight)| **weight >= MIN_SHARE * total)
        .collect();
    names.sort_by(|a, b| b.1.total_cmp(a.1).then_with(|| a.0.cmp(b.0)));
    names.truncate(MAX_INTERESTS);
    names
        .into_iter()
        .map(|(name, _)| (*name).to_owned())
        .collect()
}

/// Sums up what is popular in each category: the mean of the preferences of customers who looked at its products.
#[derive(Debug, Default)]
pub(crate) struct CategoryPopularity(BTreeMap<String, ([f32; DIMENSIONS], i64)>);

impl CategoryPopularity {
    pub(crate) fn add(&mut self, own: &OwnPreference<'_>) {
        for category in own.categories.keys() {
            let (sum, customers) = self
                .0
                .entry((*category).to_owned())
                .or_insert(([0.0; DIMENSIONS], 0));
            add(sum, &own.vector, 1.0);
            *customers += 1;
        }
    }

    /// Each category's vector, with how many customers it was computed from.
    pub(crate) fn vectors(self) -> BTreeMap<String, (ProductVector, i64)> {
        let vectors = self
            .0
            .into_iter()
            .filter_map(|(category, (sum, customers))| {
                Some((category, (ProductVector::normalized(sum)?, customers)))
            });
        vectors.collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A vector along one axis.
    fn axis(index: usize) -> ProductVector {
        let mut values = [0.0; DIMENSIONS];
        values[index] = 1.0;
        ProductVector::normalized(values).unwrap()
    }

    fn did(kind: SignalKind, count: i64, vector: &ProductVector) -> Interaction<'_> {
        Interaction {
            kind,
            count,
            product: Some(Liked {
                vector,
                category: "Shoes",
                brand: Some("Marlow"),
            }),
        }
    }

    #[test]
    fn the_number_of_signals_decides_the_mode_at_its_exact_edges() {
        let cases = [
            (0, PreferenceMode::None),
            (9, PreferenceMode::None),
            (10, PreferenceMode::Blended),
            (50, PreferenceMode::Blended),
            (51, PreferenceMode::Full),
            (10_000, PreferenceMode::Full),
        ];
        let vector = axis(0);
        for (signals, expected) in cases {
            assert_eq!(mode(signals), expected, "{signals}");
            let interactions = [did(SignalKind::View, signals, &vector)];
            let computed = preferences(&interactions, &BTreeMap::new());
            assert_eq!(computed.mode, expected, "{signals}");
            assert_eq!(computed.signals, signals);
            assert_eq!(computed.vector.is_none(), expected == PreferenceMode::None);
        }
    }

    #[test]
    fn what_was_done_more_decidedly_weighs_more() {
        let weights = [
            (SignalKind::ReviewRead, 0.5),
            (SignalKind::View, 1.0),
            (SignalKind::SearchClick, 1.5),
            (SignalKind::Cart, 2.0),
            (SignalKind::Wishlist, 3.0),
            (SignalKind::Purchase, 5.0),
        ];
        assert_eq!(weights.len(), SignalKind::ALL.len());
        let (viewed, other) = (axis(0), axis(1));
        for (kind, expected) in weights {
            let interactions = [did(SignalKind::View, 60, &viewed), did(kind, 60, &other)];
            let own = own_preference(&interactions).unwrap();
            let ratio = own.vector.cosine(&other) / own.vector.cosine(&viewed);
            assert!((ratio - expected).abs() < 1e-4, "{kind:?}: {ratio}");
        }
    }

    #[test]
    fn a_blended_preference_is_half_what_is_popular_in_the_customers_categories() {
        let (own, popular, elsewhere) = (axis(0), axis(1), axis(2));
        let interactions = [did(SignalKind::View, 20, &own)];
        let vectors = BTreeMap::from([
            ("Shoes".to_owned(), popular.clone()),
            ("Kitchen".to_owned(), elsewhere.clone()),
        ]);
        let blended = preferences(&interactions, &vectors).vector.unwrap();
        let half = std::f32::consts::FRAC_1_SQRT_2;
        assert!((blended.cosine(&own) - half).abs() < 1e-5);
        assert!((blended.cosine(&popular) - half).abs() < 1e-5);
        assert!(blended.cosine(&elsewhere).abs() < 1e-5);
        // Nothing is popular yet.
        let alone = preferences(&interactions, &BTreeMap::new()).vector.unwrap();
        assert!((alone.cosine(&own) - 1.0).abs() < 1e-5);
        // With 51 signals only the customer's own count.
        let interactions = [did(SignalKind::View, 51, &own)];
        let full = preferences(&interactions, &vectors).vector.unwrap();
        assert!((full.cosine(&own) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn products_that_are_gone_count_but_say_nothing() {
        let gone = Interaction {
            kind: SignalKind::Purchase,
            count: 40,
            product: None,
        };
        let vector = axis(3);
        let computed = preferences(
            &[gone, did(SignalKind::View, 11, &vector)],
            &BTreeMap::new(),
        );
        assert_eq!(
            (computed.mode, computed.signals),
            (PreferenceMode::Full, 51)
        );
        assert!((computed.vector.unwrap().cosine(&vector) - 1.0).abs() < 1e-5);
        let nothing = preferences(&[gone], &BTreeMap::new());
        assert_eq!((nothing.mode, nothing.vector), (PreferenceMode::None, None));
    }

    #[test]
    fn interests_are_the_strongest_categories_and_brands() {
        let vector = axis(0);
        let of = |category, brand, count| Interaction {
            kind: SignalKind::View,
            count,
            product: Some(Liked {
                vector: &vector,
                category,
                brand,
            }),
        };
        let interactions = [
            of("Headphones", Some("Auralis"), 60),
            of("Monitors", Some("Vectra"), 100),
            of("Coats", None, 5),
        ];
        let computed = preferences(&interactions, &BTreeMap::new());
        assert_eq!(computed.categories, ["Monitors", "Headphones"]);
        assert_eq!(computed.brands, ["Vectra", "Auralis"]);
    }

    #[test]
    fn popularity_is_the_mean_of_those_who_looked_at_the_category() {
        let (a, b) = (axis(0), axis(1));
        let mut popularity = CategoryPopularity::default();
        for vector in [&a, &b, &b] {
            let interactions = [did(SignalKind::View, 3, vector)];
            popularity.add(&own_preference(&interactions).unwrap());
        }
        let vectors = popularity.vectors();
        let (vector, customers) = &vectors["Shoes"];
        assert_eq!(*customers, 3);
        assert!((vector.cosine(&b) / vector.cosine(&a) - 2.0).abs() < 1e-4);
    }

    proptest! {
        #[test]
        fn preferences_do_not_depend_on_the_order_and_scale_of_signals(
            counts in prop::collection::vec((0_usize..6, 1_i64..30, 0_usize..8), 1..20),
            times in 2_i64..5,
        ) {
            let vectors: Vec<_> = (0..8).map(axis).collect();
            let interactions: Vec<_> = counts
                .iter()
                .map(|&(kind, count, product)| did(SignalKind::ALL[kind], 51 * count, &vectors[product]))
                .collect();
            let computed = preferences(&interactions, &BTreeMap::new());
            let mut reversed = interactions.clone();
            reversed.reverse();
            let vector = computed.vector.unwrap();
            let other = preferences(&reversed, &BTreeMap::new()).vector.unwrap();
            prop_assert!((vector.cosine(&other) - 1.0).abs() < 1e-4);
            let scaled: Vec<_> = interactions
                .iter()
                .map(|one| Interaction { count: one.count * times, ..*one })
                .collect();
            let other = preferences(&scaled, &BTreeMap::new()).vector.unwrap();
            prop_assert!((vector.cosine(&other) - 1.0).abs() < 1e-4);
            // Nobody's preferences are opposed to what they looked at.
            for one in &interactions {
                prop_assert!(vector.cosine(one.product.unwrap().vector) > 0.0);
            }
        }
    }
}
