//! Counts by category, brand, price and rating.

use search::engine::{
    Bucket, FacetRequest, Facets, Filters, RATING_BUCKETS, SearchQuery, UsdRange,
};

use crate::shop::{PRICE_BOUNDS, Shop, all, text};

/// Filters by each attribute that has a facet, none of which excludes all.
fn filters() -> Filters {
    Filters {
        categories: vec!["headphones".to_owned(), "Kitchen".to_owned()],
        brands: vec!["Auralis".to_owned(), "Hearthline".to_owned()],
        price: UsdRange {
            min: Some(2_500),
            max: Some(19_000),
        },
        in_stock: None,
        min_rating: Some(4.4),
    }
}

fn with(filters: Filters, query: SearchQuery) -> SearchQuery {
    SearchQuery { filters, ..query }
}

/// The filters for each count of the facets, in place of the one by the same attribute.
fn narrowed(facets: &Facets, filters: &Filters) -> Vec<(Filters, u64)> {
    let mut all = Vec::new();
    for Bucket { value, count } in &facets.categories {
        let categories = vec![value.clone()];
        all.push((
            Filters {
                categories,
                ..filters.clone()
            },
            *count,
        ));
    }
    for Bucket { value, count } in &facets.brands {
        let brands = vec![value.clone()];
        all.push((
            Filters {
                brands,
                ..filters.clone()
            },
            *count,
        ));
    }
    for (index, count) in facets.prices.iter().enumerate() {
        let price = UsdRange {
            min: Some(PRICE_BOUNDS[index]),
            max: PRICE_BOUNDS.get(index + 1).map(|next| next - 1),
        };
        all.push((
            Filters {
                price,
                ..filters.clone()
            },
            *count,
        ));
    }
    for (least, count) in RATING_BUCKETS.into_iter().zip(facets.ratings) {
        let min_rating = Some(f64::from(least));
        all.push((
            Filters {
                min_rating,
                ..filters.clone()
            },
            count,
        ));
    }
    all
}

async fn counts_match(shop: &Shop, query: SearchQuery) {
    let facets = shop.facets(query.clone()).await;
    for (narrowed, count) in narrowed(&facets, &query.filters) {
        let found = shop.search(with(narrowed.clone(), query.clone())).await;
        assert_eq!(found.total, count, "{narrowed:?}");
    }
}

pub(crate) async fn a_count_is_what_filtering_by_the_value_finds(shop: &Shop) {
    for query in [all(), text("headphones"), text("lamp")] {
        counts_match(shop, query).await;
    }
}

pub(crate) async fn each_facet_ignores_its_own_filter(shop: &Shop) {
    counts_match(shop, with(filters(), all())).await;
    let facets = shop.facets(with(filters(), all())).await;
    let values = |buckets: &[Bucket]| buckets.iter().map(|b| b.value.clone()).collect::<Vec<_>>();
    assert_eq!(values(&facets.categories), ["Headphones", "Kitchen"]);
    assert_eq!(
        values(&facets.brands),
        ["Auralis", "Edgeworth", "Hearthline"]
    );
    assert_eq!(facets.prices, [1, 1, 0, 3, 0]);
    assert_eq!(facets.ratings, [3, 3, 3, 3]);
}

pub(crate) async fn other_filters_apply(shop: &Shop) {
    let filters = Filters {
        in_stock: Some(false),
        ..Filters::default()
    };
    let facets = shop.facets(with(filters, all())).await;
    assert_eq!(facets.categories.len(), 3);
    assert_eq!(facets.prices.iter().sum::<u64>(), 3);
}

pub(crate) async fn values_are_ordered_by_count_then_name(shop: &Shop) {
    let facets = shop.facets(all()).await;
    for buckets in [&facets.categories, &facets.brands] {
        let keys: Vec<_> = buckets
            .iter()
            .map(|bucket| (std::cmp::Reverse(bucket.count), bucket.value.clone()))
            .collect();
        assert!(keys.is_sorted(), "{keys:?}");
        assert!(keys.len() > 5);
    }
}

pub(crate) async fn price_buckets_are_those_requested(shop: &Shop) {
    for bounds in [
        vec![0],
        vec![0, 1],
        vec![999, 1_000, 64_900, 64_901],
        vec![],
    ] {
        let query = SearchQuery {
            facets: Some(FacetRequest {
                price_bounds: bounds.clone(),
            }),
            ..all()
        };
        let found = shop.search(query).await;
        let expected: &[u64] = match bounds.len() {
            1 => &[33],
            2 => &[0, 33],
            4 => &[2, 27, 1, 0],
            _ => &[],
        };
        assert_eq!(found.facets.unwrap().prices, expected, "{bounds:?}");
    }
}

pub(crate) async fn ratings_count_this_one_and_better(shop: &Shop) {
    let facets = shop.facets(all()).await;
    assert_eq!(facets.ratings, [28, 31, 31, 31]);
}

pub(crate) async fn facets_cover_all_pages(shop: &Shop) {
    let whole = shop.facets(all()).await;
    let first = shop.search(SearchQuery { limit: 5, ..all() }).await;
    let second = SearchQuery {
        limit: 5,
        beyond: first.hits.last().map(|hit| hit.position),
        snapshot: first.snapshot.clone(),
        ..all()
    };
    assert_eq!(shop.facets(second).await, whole);
}

pub(crate) async fn facets_are_only_counted_if_requested(shop: &Shop) {
    assert_eq!(shop.search(all()).await.facets, None);
}

pub(crate) async fn nothing_found_counts_nothing(shop: &Shop) {
    let facets = shop.facets(text("zebra")).await;
    assert_eq!(facets.prices, [0; PRICE_BOUNDS.len()]);
    assert_eq!(facets.ratings, [0; RATING_BUCKETS.len()]);
    assert!(facets.categories.is_empty() && facets.brands.is_empty());
}
