//! Filters, facets, sorting and paging.

use std::collections::HashSet;

use entities::search::product;
use resolvers::testing::code;
use serde_json::{Value, json};

use crate::kit::{Item, fixtures, public, strings};

const CATEGORIES: [&str; 4] = ["Audio", "Camping", "Kitchen", "Wall Art"];
const BRANDS: [Option<&str>; 3] = [Some("Auralis"), Some("Kestrel"), None];

/// Products whose attributes repeat with different periods, so that filters overlap partially.
fn many(count: usize) -> Vec<product::Model> {
    (0..count)
        .map(|number| {
            let cents = i64::try_from(number % 50).unwrap() * 2_499;
            Item {
                title: if number % 2 == 0 { "Lamp" } else { "Lantern" },
                brand: BRANDS[number % 3],
                category: CATEGORIES[number % 4],
                cents,
                rating: [None, Some(2.5), Some(4.0), Some(4.9), Some(1.0)][number % 5],
                quantity: i32::from(number % 7 != 0),
                ..Item::PLAIN
            }
            .row(number)
        })
        .collect()
}

/// The filter that a bucket represents.
fn filter(facet: &str, value: &str) -> String {
    match facet {
        "category" => format!("categories: [{value:?}]"),
        "brand" => format!("brands: [{value:?}]"),
        "rating" => format!("minRating: {value}"),
        "price" => {
            let (min, max) = value.split_once('-').unwrap();
            if max.is_empty() {
                format!("minPrice: {min:?}")
            } else {
                format!("minPrice: {min:?}, maxPrice: {max:?}")
            }
        }
        other => panic!("a facet {other}"),
    }
}

#[tokio::test]
async fn a_buckets_count_is_what_filtering_by_it_finds() {
    for fixture in fixtures(&many(300)).await {
        let found = fixture
            .search(
                "query: \"lamp\", filters: { inStock: true }",
                "totalCount facets { name buckets { value count } }",
            )
            .await;
        let facets = found["facets"].as_array().unwrap();
        assert_eq!(
            strings(&found["facets"], "name"),
            ["category", "brand", "price", "rating"]
        );
        for facet in facets {
            let name = facet["name"].as_str().unwrap();
            let buckets = facet["buckets"].as_array().unwrap();
            assert!(buckets.len() > 1, "{name}");
            for bucket in buckets {
                let filter = filter(name, bucket["value"].as_str().unwrap());
                let arguments = format!("query: \"lamp\", filters: {{ inStock: true, {filter} }}");
                let narrowed = fixture.search(&arguments, "totalCount").await;
                assert_eq!(narrowed["totalCount"], bucket["count"], "{arguments}");
            }
            let sum: i64 = buckets.iter().map(|b| b["count"].as_i64().unwrap()).sum();
            if matches!(name, "category" | "price") {
                assert_eq!(found["totalCount"], sum, "{name}: everything has one");
            }
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_search_without_results_is_relaxed_unless_a_filter_is_the_reason() {
    for fixture in fixtures(&many(300)).await {
        let search = async |arguments: &str| {
            let fields =
                "totalCount isRelaxed facets { name } pageInfo { endCursor } nodes { id title }";
            let found = fixture.search(arguments, fields).await;
            (found["totalCount"].as_i64().unwrap(), found)
        };
        let (lamps, found) = search("query: \"lamp\"").await;
        assert_eq!(found["isRelaxed"], false);
        let (total, found) = search("query: \"zebra lamp\", first: 5").await;
        assert_eq!((total, &found["isRelaxed"]), (lamps, &json!(true)));
        assert_eq!(found["facets"].as_array().unwrap().len(), 4);
        let first: HashSet<_> = strings(&found["nodes"], "id").into_iter().collect();
        // The next page, and a filter, are of the same results.
        let cursor = &found["pageInfo"]["endCursor"];
        let (total, found) =
            search(&format!("query: \"zebra lamp\", first: 5, after: {cursor}")).await;
        assert_eq!((total, &found["isRelaxed"]), (lamps, &json!(true)));
        let second = strings(&found["nodes"], "id");
        assert!(second.len() == 5 && second.iter().all(|id| !first.contains(id)));
        let (total, found) =
            search("query: \"zebra lamp\", filters: { brands: [\"kestrel\"] }").await;
        assert!((1..lamps).contains(&total), "{total}");
        assert_eq!(found["isRelaxed"], true);

        // Something matches both words, but not the filter.
        let (total, found) =
            search("query: \"kestrel lamp\", filters: { brands: [\"auralis\"] }").await;
        assert_eq!((total, &found["isRelaxed"]), (0, &json!(false)));
        for nothing in ["zebra", "zebra quagga"] {
            let (total, found) = search(&format!("query: \"{nothing}\"")).await;
            assert_eq!((total, &found["isRelaxed"]), (0, &json!(false)));
        }
        fixture.scratch.drop().await;
    }
}

/// Whether a filter admits a product.
type Passes<'a> = &'a dyn Fn(&product::Model) -> bool;

#[tokio::test]
async fn filters_narrow_what_is_found() {
    let rows = many(60);
    let cases: [(&str, Passes); 8] = [
        ("categories: [\"audio\", \"Wall Art\"]", &|row| {
            ["Audio", "Wall Art"].contains(&row.category.as_str())
        }),
        ("brands: [\"KESTREL\"]", &|row| {
            row.brand.as_deref() == Some("Kestrel")
        }),
        ("inStock: false", &|row| row.available_quantity == 0),
        ("minRating: 4", &|row| row.rating >= Some(4.0)),
        ("minPrice: \"24.99\", maxPrice: 99.96", &|row| {
            (2_499..=9_996).contains(&row.price_usd_minor)
        }),
        // 24.99 dollars are shown as 22.99 euros, 49.98 as 45.98.
        (
            "minPrice: \"22.99\", maxPrice: \"45.98\", currency: EUR",
            &|row| (2_499..=4_998).contains(&row.price_usd_minor),
        ),
        (
            "minPrice: \"23.00\", maxPrice: \"45.97\", currency: EUR",
            &|_| false,
        ),
        ("categories: [\"Nothing\"]", &|_| false),
    ];
    for fixture in fixtures(&rows).await {
        for (filters, passes) in cases {
            let expected: HashSet<_> = (0..rows.len())
                .filter(|&number| passes(&rows[number]))
                .map(public)
                .collect();
            let arguments = format!("query: \"\", first: 100, filters: {{ {filters} }}");
            let found = fixture.search(&arguments, "totalCount nodes { id }").await;
            let ids: HashSet<_> = strings(&found["nodes"], "id").into_iter().collect();
            assert_eq!(ids, expected, "{filters}");
            assert_eq!(found["totalCount"], expected.len(), "{filters}");
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn every_sort_walks_all_results_without_gap_or_repeat() {
    let rows = many(130);
    let by = |key: &dyn Fn(&product::Model) -> (i64, u128)| {
        let mut sorted: Vec<_> = (0..rows.len()).collect();
        sorted.sort_by_key(|&number| key(&rows[number]));
        sorted.into_iter().map(public).collect::<Vec<_>>()
    };
    let rating = |row: &product::Model| {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "ratings have one decimal here"
        )]
        let tenths = (row.rating.unwrap_or(0.0) * 10.0) as i64;
        tenths
    };
    let cases = [
        ("RELEVANCE", None),
        (
            "PRICE_ASC",
            Some(by(&|row| (row.price_usd_minor, row.id.as_u128()))),
        ),
        (
            "PRICE_DESC",
            Some(by(&|row| (-row.price_usd_minor, row.id.as_u128()))),
        ),
        (
            "NEWEST",
            Some(by(&|row| (-row.created_at.timestamp(), row.id.as_u128()))),
        ),
        ("RATING", Some(by(&|row| (-rating(row), row.id.as_u128())))),
    ];
    for fixture in fixtures(&rows).await {
        for (sort, expected) in &cases {
            let mut seen = Vec::new();
            let mut after = Value::Null;
            loop {
                let found = fixture
                    .search(
                        &format!("query: \"\", sort: {sort}, first: 17, after: {after}"),
                        "totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage endCursor }",
                    )
                    .await;
                assert_eq!(found["totalCount"], 130);
                assert_eq!(found["pageInfo"]["hasPreviousPage"], !seen.is_empty());
                seen.extend(strings(&found["nodes"], "id"));
                after = found["pageInfo"]["endCursor"].clone();
                if found["pageInfo"]["hasNextPage"] == false {
                    break;
                }
            }
            assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 130, "{sort}");
            assert_eq!(seen.len(), 130, "{sort}");
            if let Some(expected) = expected {
                assert_eq!(&seen, expected, "{sort}");
            }
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn pages_are_the_same_backward() {
    for fixture in fixtures(&many(50)).await {
        for sort in ["RELEVANCE", "PRICE_ASC", "PRICE_DESC", "NEWEST", "RATING"] {
            let all = fixture
                .search(
                    &format!("query: \"lamp\", sort: {sort}, first: 100"),
                    "nodes { id }",
                )
                .await;
            let all = strings(&all["nodes"], "id");
            let (mut seen, mut before) = (Vec::new(), Value::Null);
            loop {
                let arguments = format!("query: \"lamp\", sort: {sort}, last: 7, before: {before}");
                let found = fixture
                    .search(
                        &arguments,
                        "nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor }",
                    )
                    .await;
                assert_eq!(found["pageInfo"]["hasNextPage"], !seen.is_empty());
                seen.splice(0..0, strings(&found["nodes"], "id"));
                before = found["pageInfo"]["startCursor"].clone();
                if found["pageInfo"]["hasPreviousPage"] == false {
                    break;
                }
            }
            assert_eq!(seen, all, "{sort}");
        }
        let refused = fixture
            .ask(
                "{ productSearch(query: \"\", last: 101) { totalCount } }",
                json!({}),
            )
            .await;
        assert_eq!(code(&refused), "BAD_USER_INPUT");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_facet_ignores_the_filter_by_its_own_attribute() {
    const FILTERS: [(&str, &str); 4] = [
        ("category", "categories: [\"audio\", \"Kitchen\"]"),
        ("brand", "brands: [\"Kestrel\"]"),
        ("price", "minPrice: \"100\", maxPrice: \"800\""),
        ("rating", "minRating: 2"),
    ];
    for fixture in fixtures(&many(600)).await {
        let all = FILTERS.map(|(_, filter)| filter).join(", ");
        let facets = async |filters: &str| {
            let arguments = format!("query: \"lamp\", filters: {{ {filters} }}");
            let found = fixture
                .search(&arguments, "facets { name buckets { value count } }")
                .await;
            found["facets"].as_array().unwrap().clone()
        };
        let filtered = facets(&all).await;
        for (index, (name, own)) in FILTERS.into_iter().enumerate() {
            let others = all.replace(own, "");
            assert_eq!(filtered[index]["name"], name);
            assert_eq!(filtered[index], facets(&others).await[index], "{name}");
            assert!(filtered[index]["buckets"].as_array().unwrap().len() > 1);
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_price_facet_is_in_the_currency_of_the_filters() {
    // 27.18 dollars are shown as 25.00 euros.
    let rows = [2_717, 2_718].map(|cents| Item {
        cents,
        ..Item::PLAIN
    });
    let rows = [rows[0].row(0), rows[1].row(1)];
    for fixture in fixtures(&rows).await {
        let found = fixture
            .search(
                "query: \"\", filters: { currency: EUR }",
                "facets { name buckets { value count } }",
            )
            .await;
        assert_eq!(
            found["facets"][2]["buckets"],
            json!([{ "value": "0.00-24.99", "count": 1 }, { "value": "25.00-49.99", "count": 1 }])
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_page_of_none_still_counts() {
    for fixture in fixtures(&many(10)).await {
        let found = fixture
            .search(
                "query: \"\", first: 0",
                "totalCount nodes { id } pageInfo { hasNextPage endCursor }",
            )
            .await;
        assert_eq!(
            found,
            json!({ "totalCount": 10, "nodes": [], "pageInfo": { "hasNextPage": true, "endCursor": null } })
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let rows = many(3);
    for fixture in fixtures(&rows).await {
        let found = fixture
            .search(
                "query: \"\", sort: NEWEST, first: 1",
                "pageInfo { endCursor }",
            )
            .await;
        let cursor = &found["pageInfo"]["endCursor"];
        let long = "x".repeat(257);
        let brands = vec!["\"b\""; 101].join(",");
        let cases = [
            (format!("query: {long:?}"), "BAD_USER_INPUT"),
            ("query: \"\", first: 101".to_owned(), "BAD_USER_INPUT"),
            ("query: \"\", first: -1".to_owned(), "BAD_USER_INPUT"),
            (
                "query: \"\", after: \"nonsense\"".to_owned(),
                "BAD_USER_INPUT",
            ),
            (format!("query: \"\", after: {cursor}"), "BAD_USER_INPUT"),
            (
                format!("query: \"\", filters: {{ brands: [{brands}] }}"),
                "BAD_USER_INPUT",
            ),
            (
                "query: \"\", filters: { minPrice: \"20\", maxPrice: \"10\" }".to_owned(),
                "BAD_USER_INPUT",
            ),
            (
                "query: \"\", filters: { maxPrice: \"-1\" }".to_owned(),
                "BAD_USER_INPUT",
            ),
            (
                "query: \"\", filters: { minRating: 5.1 }".to_owned(),
                "BAD_USER_INPUT",
            ),
            // There is no rate for pounds.
            (
                "query: \"\", filters: { minPrice: 1, currency: GBP }".to_owned(),
                "SUBGRAPH_UNAVAILABLE",
            ),
        ];
        for (arguments, expected) in cases {
            let document = format!("{{ productSearch({arguments}) {{ totalCount }} }}");
            let answer = fixture.ask(&document, json!({})).await;
            assert_eq!(code(&answer), expected, "{arguments}");
        }
        let longest = "ü".repeat(256);
        fixture
            .search(&format!("query: {longest:?}"), "totalCount")
            .await;
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_number_of_statements_does_not_depend_on_the_number_of_results() {
    for fixture in fixtures(&many(5_000)).await {
        let mut counts = Vec::new();
        for first in [1, 100] {
            let before = fixture.scratch.database.statements();
            let found = fixture
                .search(
                    &format!("query: \"lamp\", first: {first}"),
                    "nodes { title brand category imageUrl inStock } edges { why node { id } } facets { name }",
                )
                .await;
            assert_eq!(found["nodes"].as_array().unwrap().len(), first);
            counts.push(fixture.scratch.database.statements() - before);
        }
        assert_eq!(counts, [1, 1]);
        fixture.scratch.drop().await;
    }
}
