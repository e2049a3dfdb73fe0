//! What a query finds, and in which order.

use serde_json::{Value, json};

use crate::kit::{Fixture, Item, fixtures, strings};

const CATALOG: [Item; 10] = [
    Item {
        title: "Studio Headphones Case",
        brand: Some("Kestrel"),
        category: "Audio",
        description: "Holds headphones of any size.",
        popularity: 100_000,
        ..Item::PLAIN
    },
    Item {
        title: "Headphones",
        brand: Some("Auralis"),
        category: "Audio",
        description: "Plain and good.",
        ..Item::PLAIN
    },
    Item {
        title: "Wireless Noise Cancelling Headphones Pro",
        brand: Some("Auralis"),
        category: "Audio",
        description: "Over-ear, thirty hours.",
        popularity: 5_000,
        ..Item::PLAIN
    },
    Item {
        title: "Headlamp",
        brand: Some("Kestrel"),
        category: "Camping",
        description: "For dark trails, also worn under headphones.",
        ..Item::PLAIN
    },
    Item {
        title: "Café Crème Mug",
        brand: Some("Hearthline"),
        category: "Kitchen",
        description: "Stoneware.",
        ..Item::PLAIN
    },
    Item {
        title: "Running Shoes",
        brand: Some("Tidewater"),
        category: "Shoes",
        description: "Light.",
        popularity: 10,
        ..Item::PLAIN
    },
    Item {
        title: "Auralis Poster",
        brand: None,
        category: "Wall Art",
        description: "A fan's delight.",
        ..Item::PLAIN
    },
    Item {
        title: "4K Monitor Pro 32 inch",
        brand: Some("Lumora"),
        category: "Monitors",
        description: "With batteries for the remote control.",
        ..Item::PLAIN
    },
    Item {
        title: "AA Batteries",
        brand: Some("Vectra"),
        category: "Power",
        description: "Pack of 8.",
        ..Item::PLAIN
    },
    Item {
        title: "Gone Headphones",
        brand: Some("Auralis"),
        category: "Audio",
        description: "Not sold any more.",
        ..Item::PLAIN
    },
];

async fn catalog() -> Vec<Fixture> {
    let mut rows: Vec<_> = CATALOG
        .into_iter()
        .enumerate()
        .map(|(number, item)| item.row(number))
        .collect();
    rows[9].active = false;
    fixtures(&rows).await
}

#[tokio::test]
async fn the_best_match_comes_first() {
    let cases = [
        // The exact title comes before longer and more popular ones.
        ("headphones", "Headphones"),
        ("HEADPHONE", "Headphones"),
        ("4k monitor pro 32 inch", "4K Monitor Pro 32 inch"),
        // Words in any order, with one of four missing.
        (
            "pro headphones noise quiet",
            "Wireless Noise Cancelling Headphones Pro",
        ),
        // Typos: a letter missing, changed or swapped, or two of these in a long word.
        ("hedphones", "Headphones"),
        ("headphonse", "Headphones"),
        ("haedphonas", "Headphones"),
        ("runing sheos", "Running Shoes"),
        // Without diacritics, and with wrong ones.
        ("cafe creme", "Café Crème Mug"),
        ("câfe", "Café Crème Mug"),
        // Singular and plural.
        ("battery", "AA Batteries"),
        ("shoe", "Running Shoes"),
        // The start of a word.
        ("headl", "Headlamp"),
        // A brand before other products that mention it; a title before a brand.
        ("auralis", "Auralis Poster"),
        ("lumora", "4K Monitor Pro 32 inch"),
        // A category.
        ("kitchen", "Café Crème Mug"),
        // Stop words make no difference.
        ("the shoes for the running", "Running Shoes"),
    ];
    for fixture in catalog().await {
        for (query, first) in cases {
            let titles = fixture.titles(&format!("query: {query:?}")).await;
            assert_eq!(
                titles.first().map(String::as_str),
                Some(first),
                "{query}: {titles:?}"
            );
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_does_not_match_is_not_found() {
    for fixture in catalog().await {
        for query in ["kettle", "kettle zebra", "!?", "hdphns", "gone"] {
            let found = fixture
                .search(
                    &format!("query: {query:?}"),
                    "totalCount nodes { title } facets { buckets { count } }",
                )
                .await;
            assert_eq!(found["totalCount"], 0, "{query}: {found}");
            assert_eq!(found["nodes"], json!([]));
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_unknown_word_is_corrected_to_the_most_similar_known_one() {
    let cases = [
        ("hedphones", json!("headphones")),
        ("Wireles HEDPHONES!", json!("wireless headphones!")),
        ("auralsi", json!("auralis")),
        ("kitchne mug", json!("kitchen mug")),
        // Known words stay, also in another form, and so does what resembles nothing.
        ("headphones", Value::Null),
        ("battery", Value::Null),
        ("stoneware", Value::Null),
        ("zzzzzz", Value::Null),
        ("xyz", Value::Null),
        ("", Value::Null),
    ];
    for fixture in catalog().await {
        for (query, expected) in &cases {
            let found = fixture
                .search(&format!("query: {query:?}"), "didYouMean")
                .await;
            assert_eq!(found["didYouMean"], *expected, "{query}");
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_blank_query_finds_all_active_products_popular_ones_first() {
    for fixture in catalog().await {
        let found = fixture
            .search("query: \"  \"", "totalCount nodes { title } edges { why }")
            .await;
        assert_eq!(found["totalCount"], 9);
        assert_eq!(
            strings(&found["nodes"], "title")[..3],
            [
                "Studio Headphones Case",
                "Wireless Noise Cancelling Headphones Pro",
                "Running Shoes"
            ]
        );
        assert_eq!(found["edges"][0]["why"], json!([]));
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn each_result_says_how_well_and_why_it_matches() {
    for fixture in catalog().await {
        let found = fixture
            .search(
                "query: \"headphones\"",
                "edges { node { title } score why } \
                 personalization { mode boost variant reranked } queryId",
            )
            .await;
        let edges = found["edges"].as_array().unwrap();
        let scores: Vec<_> = edges
            .iter()
            .map(|edge| edge["score"].as_f64().unwrap())
            .collect();
        assert!(
            scores.is_sorted_by(|a, b| a >= b) && scores[0] == 1.0,
            "{scores:?}"
        );
        assert!(scores.iter().all(|score| *score > 0.0));
        assert_eq!(edges[0]["why"], json!(["exact title", "title: headphones"]));
        let last = edges.last().unwrap();
        assert_eq!(last["node"]["title"], "Headlamp");
        assert_eq!(last["why"], json!(["description: headphones"]));
        assert_eq!(
            found["personalization"],
            json!({ "mode": "NONE", "boost": 1.0, "variant": "control", "reranked": false })
        );
        let query_id: uuid::Uuid = found["queryId"].as_str().unwrap().parse().unwrap();
        assert_eq!(query_id.get_version_num(), 7);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn suggestions_complete_what_is_typed() {
    let cases: [(&str, &[&str]); 7] = [
        // Titles that start with the text come first, then popular ones.
        (
            "head",
            &[
                "Headlamp",
                "Headphones",
                "Studio Headphones Case",
                "Wireless Noise Cancelling Headphones Pro",
            ],
        ),
        (
            "Headphones",
            &[
                "Headphones",
                "Studio Headphones Case",
                "Wireless Noise Cancelling Headphones Pro",
            ],
        ),
        ("noise canc", &["Wireless Noise Cancelling Headphones Pro"]),
        ("canc noise", &[]),
        ("cafe cr", &["Café Crème Mug"]),
        ("gone", &[]),
        ("kettle", &[]),
    ];
    for fixture in catalog().await {
        for (prefix, expected) in cases {
            let answer = fixture
                .ask(
                    "query($prefix: String!) { searchSuggestions(prefix: $prefix) { text product { title } } }",
                    json!({ "prefix": prefix }),
                )
                .await;
            assert_eq!(answer["errors"], Value::Null, "{answer}");
            let suggestions = &answer["data"]["searchSuggestions"];
            let mut texts = strings(suggestions, "text");
            if prefix == "head" {
                // The two that start with the text are equal.
                texts[..2].sort();
            }
            assert_eq!(texts, expected, "{prefix}");
        }
        let answer = fixture
            .ask(
                "{ searchSuggestions(prefix: \"\", first: 2) { text } }",
                json!({}),
            )
            .await;
        assert_eq!(
            strings(&answer["data"]["searchSuggestions"], "text"),
            [
                "Studio Headphones Case",
                "Wireless Noise Cancelling Headphones Pro"
            ]
        );
        fixture.scratch.drop().await;
    }
}
