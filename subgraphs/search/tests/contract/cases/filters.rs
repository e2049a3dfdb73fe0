//! What filters let pass.

use std::collections::BTreeSet;

use entities::search::product;
use search::engine::{Filters, SearchQuery, UsdRange};
use uuid::Uuid;

use crate::catalog;
use crate::shop::{Shop, all, text};

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

/// Whether a product passes, by the definition of the filters.
pub(crate) fn passes(row: &product::Model, filters: &Filters) -> bool {
    let among = |values: &[String], value: Option<&str>| {
        values.is_empty()
            || value.is_some_and(|value| {
                let value = value.to_lowercase();
                values.iter().any(|wanted| wanted.to_lowercase() == value)
            })
    };
    row.active
        && among(&filters.categories, Some(&row.category))
        && among(&filters.brands, row.brand.as_deref())
        && filters.price.contains(row.price_usd_minor)
        && filters
            .in_stock
            .is_none_or(|wanted| (row.available_quantity > 0) == wanted)
        && filters
            .min_rating
            .is_none_or(|least| row.rating.is_some_and(|rating| rating >= least))
}

/// Checks which products of the whole catalog pass, and that there are this many.
async fn pass(shop: &Shop, filters: Filters, count: usize) {
    let rows = catalog::rows();
    let expected = rows.iter().filter(|row| passes(row, &filters));
    let expected: BTreeSet<Uuid> = expected.map(|row| row.id).collect();
    assert_eq!(expected.len(), count, "{filters:?}");
    let query = SearchQuery {
        filters: filters.clone(),
        ..all()
    };
    let found = shop.search(query.clone()).await;
    assert_eq!(found.total, count as u64, "{filters:?}");
    let found: BTreeSet<Uuid> = shop.ids(query).await.into_iter().collect();
    assert_eq!(found, expected, "{filters:?}");
}

pub(crate) async fn by_category_in_any_case(shop: &Shop) {
    for category in ["Kitchen", "kitchen", "KITCHEN"] {
        let categories = strings(&[category]);
        pass(
            shop,
            Filters {
                categories,
                ..Filters::default()
            },
            3,
        )
        .await;
    }
    let categories = strings(&["Wall Art"]);
    pass(
        shop,
        Filters {
            categories,
            ..Filters::default()
        },
        1,
    )
    .await;
}

pub(crate) async fn by_several_categories(shop: &Shop) {
    let categories = strings(&["Shoes", "camping", "Nothing"]);
    pass(
        shop,
        Filters {
            categories,
            ..Filters::default()
        },
        6,
    )
    .await;
}

pub(crate) async fn by_brand_in_any_case(shop: &Shop) {
    let brands = strings(&["kestrel", "EDGEWORTH"]);
    pass(
        shop,
        Filters {
            brands,
            ..Filters::default()
        },
        5,
    )
    .await;
}

pub(crate) async fn by_a_value_that_does_not_exist(shop: &Shop) {
    let nothing = || strings(&["Nothing", ""]);
    pass(
        shop,
        Filters {
            categories: nothing(),
            ..Filters::default()
        },
        0,
    )
    .await;
    pass(
        shop,
        Filters {
            brands: nothing(),
            ..Filters::default()
        },
        0,
    )
    .await;
}

pub(crate) async fn by_price_with_both_bounds_inclusive(shop: &Shop) {
    let price = |min, max| Filters {
        price: UsdRange {
            min: Some(min),
            max: Some(max),
        },
        ..Filters::default()
    };
    pass(shop, price(1_400, 2_500), 6).await;
    pass(shop, price(1_401, 2_498), 3).await;
    pass(shop, price(0, 0), 0).await;
    pass(shop, price(5_000, 100), 0).await;
}

pub(crate) async fn by_one_price_bound(shop: &Shop) {
    let price = |min, max| Filters {
        price: UsdRange { min, max },
        ..Filters::default()
    };
    pass(shop, price(Some(30_000), None), 3).await;
    pass(shop, price(None, Some(999)), 5).await;
    pass(shop, price(Some(i64::MIN), Some(i64::MAX)), 33).await;
}

pub(crate) async fn by_stock(shop: &Shop) {
    let stock = |in_stock| Filters {
        in_stock: Some(in_stock),
        ..Filters::default()
    };
    pass(shop, stock(true), 30).await;
    pass(shop, stock(false), 3).await;
}

pub(crate) async fn by_rating(shop: &Shop) {
    let rated = |least| Filters {
        min_rating: Some(least),
        ..Filters::default()
    };
    pass(shop, rated(4.7), 4).await;
    pass(shop, rated(4.71), 2).await;
    // Those without a rating do not pass, whatever the least one is.
    pass(shop, rated(0.0), 31).await;
    pass(shop, rated(5.0), 0).await;
}

pub(crate) async fn every_combination_finds_what_passes_all(shop: &Shop) {
    let each = Filters {
        categories: strings(&["Headphones", "Kitchen", "Shoes", "Lighting"]),
        brands: strings(&["Auralis", "Hearthline", "Lumora", "Tidewater"]),
        price: UsdRange {
            min: Some(2_500),
            max: Some(13_000),
        },
        in_stock: Some(true),
        min_rating: Some(4.2),
    };
    for chosen in 0..32_u8 {
        let is_chosen = |bit: u8| chosen & (1 << bit) != 0;
        let none = Filters::default();
        let filters = Filters {
            categories: [&none, &each][usize::from(is_chosen(0))].categories.clone(),
            brands: [&none, &each][usize::from(is_chosen(1))].brands.clone(),
            price: [&none, &each][usize::from(is_chosen(2))].price,
            in_stock: each.in_stock.filter(|_| is_chosen(3)),
            min_rating: each.min_rating.filter(|_| is_chosen(4)),
        };
        let rows = catalog::rows();
        let count = rows.iter().filter(|row| passes(row, &filters)).count();
        assert!(count > 0, "{filters:?}");
        pass(shop, filters, count).await;
    }
}

pub(crate) async fn filters_apply_to_a_text_too(shop: &Shop) {
    let query = SearchQuery {
        filters: Filters {
            brands: strings(&["auralis"]),
            in_stock: Some(true),
            ..Filters::default()
        },
        ..text("headphones")
    };
    let mut titles = shop.titles(query).await;
    titles.sort_unstable();
    assert_eq!(titles, ["Noise Cancelling Earbuds", "Wireless Headphones"]);
}
