//! The order of results.

use std::cmp::Reverse;

use entities::search::product;
use search::engine::{SearchQuery, Sort};
use uuid::Uuid;

use crate::catalog;
use crate::shop::{Shop, all};

/// Checks the order of all products.
async fn sorted<K: Ord>(shop: &Shop, sort: Sort, key: impl Fn(&product::Model) -> K) {
    let mut rows = catalog::rows();
    rows.retain(|row| row.active);
    rows.sort_by_key(|row| (key(row), row.id));
    let expected: Vec<Uuid> = rows.into_iter().map(|row| row.id).collect();
    let found = shop.ids(SearchQuery { sort, ..all() }).await;
    assert_eq!(found, expected, "{sort:?}");
}

pub(crate) async fn by_price_ascending(shop: &Shop) {
    sorted(shop, Sort::PriceAscending, |row| row.price_usd_minor).await;
}

pub(crate) async fn by_price_descending(shop: &Shop) {
    sorted(shop, Sort::PriceDescending, |row| {
        Reverse(row.price_usd_minor)
    })
    .await;
}

pub(crate) async fn by_age(shop: &Shop) {
    sorted(shop, Sort::Newest, |row| Reverse(row.created_at)).await;
}

pub(crate) async fn by_rating_then_reviews(shop: &Shop) {
    sorted(shop, Sort::Rating, |row| {
        let tenths = (row.rating.unwrap_or(0.0) * 10.0).round();
        #[expect(clippy::cast_possible_truncation, reason = "one decimal")]
        let tenths = tenths as i64;
        Reverse((tenths, row.review_count))
    })
    .await;
}

pub(crate) async fn by_relevance_then_id(shop: &Shop) {
    // With a blank query, only popularity counts.
    sorted(shop, Sort::Relevance, |row| Reverse(row.popularity)).await;
}
