//! Products by id and as entities, and shoppers' interactions.

use entities::search::signal::{self, SignalKind};
use resolvers::testing::{code, execute};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kit::{Item, fixtures, public};

#[tokio::test]
async fn a_product_is_shown_by_id_while_it_is_sold_and_as_an_entity_for_good() {
    let mut rows = vec![Item::PLAIN.row(0), Item::PLAIN.row(1)];
    rows[0].rating = Some(4.5);
    rows[1].active = false;
    for fixture in fixtures(&rows).await {
        let answer = fixture
            .ask(
                "query($sold: ID!, $gone: ID!, $representations: [_Any!]!) {
                    sold: product(id: $sold) {
                        title description brand category imageUrl rating reviewCount availableQuantity inStock
                    }
                    gone: product(id: $gone) { title }
                    _entities(representations: $representations) { ... on Product { title active } }
                }",
                json!({
                    "sold": public(0),
                    "gone": public(1),
                    "representations": [
                        { "__typename": "Product", "id": public(1) },
                        { "__typename": "Product", "id": public(2) },
                        { "__typename": "Product", "id": "prd_nonsense" },
                        { "__typename": "Product", "id": public(0) },
                    ],
                }),
            )
            .await;
        insta::allow_duplicates! {
            insta::assert_json_snapshot!(answer, @r#"
            {
              "data": {
                "sold": {
                  "title": "Thing",
                  "description": "",
                  "brand": null,
                  "category": "Things",
                  "imageUrl": "https://images.example/0.jpg",
                  "rating": 4.5,
                  "reviewCount": 10,
                  "availableQuantity": 1,
                  "inStock": true
                },
                "gone": null,
                "_entities": [
                  {
                    "title": "Thing",
                    "active": false
                  },
                  null,
                  null,
                  {
                    "title": "Thing",
                    "active": true
                  }
                ]
              }
            }
            "#);
        }
        let answer = fixture
            .ask("{ product(id: \"ord_1\") { title } }", json!({}))
            .await;
        assert_eq!(code(&answer), "BAD_USER_INPUT");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_product_has_what_shipping_and_customs_need_and_a_path_is_a_picture_of_this_shop() {
    let mut rows = vec![Item::PLAIN.row(0), Item::PLAIN.row(1), Item::PLAIN.row(2)];
    rows[0].weight_grams = Some(750);
    rows[0].length_mm = Some(300);
    rows[0].width_mm = Some(200);
    rows[0].height_mm = Some(100);
    rows[0].hs_code = Some("851830".to_owned());
    rows[0].origin_country = Some("TW".to_owned());
    rows[0].image_url = Some("/pictures/v1/headphones/210-0.svg".to_owned());
    rows[1].length_mm = Some(300);
    rows[2].image_url = None;
    for fixture in fixtures(&rows).await {
        let fields =
            "imageUrl weightGrams dimensions { lengthMm widthMm heightMm } hsCode originCountry";
        let document = format!("query($ids: [ID!]!) {{ products(ids: $ids) {{ {fields} }} }}");
        let ids = [public(0), public(1), public(2), public(9)];
        let answer = fixture.ask(&document, json!({ "ids": ids })).await;
        let none = json!({
            "imageUrl": null, "weightGrams": null, "dimensions": null, "hsCode": null, "originCountry": null,
        });
        let mut second = none.clone();
        second["imageUrl"] = json!("https://images.example/1.jpg");
        assert_eq!(
            answer["data"]["products"],
            json!([
                {
                    "imageUrl": "https://shop.example/pictures/v1/headphones/210-0.svg",
                    "weightGrams": 750,
                    "dimensions": { "lengthMm": 300, "widthMm": 200, "heightMm": 100 },
                    "hsCode": "851830",
                    "originCountry": "TW",
                },
                second,
                none,
                null,
            ]),
            "{answer}"
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_number_of_statements_does_not_depend_on_the_number_of_entities() {
    let rows: Vec<_> = (0..100).map(|number| Item::PLAIN.row(number)).collect();
    for fixture in fixtures(&rows).await {
        let mut counts = Vec::new();
        // The first two need few columns, the others all.
        for (count, fields) in [
            (1, "id title"),
            (100, "title imageUrl"),
            (1, "title inStock"),
            (100, "title inStock"),
        ] {
            let representations: Vec<_> = (0..count)
                .map(|number| json!({ "__typename": "Product", "id": public(number) }))
                .collect();
            let before = fixture.scratch.database.statements();
            let document = format!(
                "query($r: [_Any!]!) {{ _entities(representations: $r) {{ ... on Product {{ {fields} }} }} }}"
            );
            let answer = fixture
                .ask(&document, json!({ "r": representations }))
                .await;
            assert_eq!(answer["data"]["_entities"].as_array().unwrap().len(), count);
            assert_eq!(answer["data"]["_entities"][count - 1]["title"], "Thing");
            counts.push(fixture.scratch.database.statements() - before);
        }
        assert_eq!(counts, [1, 1, 1, 1]);
        fixture.scratch.drop().await;
    }
}

const RECORD: &str = "mutation($input: SearchEventInput!) {
    searchEventRecord(input: $input) { recorded userErrors { code field } }
}";

#[tokio::test]
async fn what_shoppers_do_is_recorded_with_who_and_which_search() {
    for fixture in fixtures(&[Item::PLAIN.row(0)]).await {
        let customer = Uuid::now_v7();
        let query = Uuid::now_v7();
        let click = json!({ "input": {
            "kind": "SEARCH_CLICK", "productId": public(0), "queryId": query, "position": 3
        } });
        let view = json!({ "input": { "kind": "VIEW", "productId": public(0) } });
        for (who, input) in [(Some(customer), click), (None, view)] {
            let answer = execute(&fixture.subgraph, who, RECORD, input).await;
            assert_eq!(
                answer["data"]["searchEventRecord"],
                json!({ "recorded": true, "userErrors": [] })
            );
        }
        let mut signals = signal::Entity::find()
            .all(fixture.scratch.database.read())
            .await
            .unwrap();
        signals.sort_by_key(|signal| signal.id);
        let told: Vec<_> = signals
            .into_iter()
            .map(|row| (row.customer_id, row.kind, row.query_id, row.position))
            .collect();
        assert_eq!(
            told,
            [
                (
                    Some(customer),
                    SignalKind::SearchClick,
                    Some(query),
                    Some(3)
                ),
                (None, SignalKind::View, None, None),
            ]
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_mistaken_event_is_told_and_not_recorded() {
    for fixture in fixtures(&[Item::PLAIN.row(0)]).await {
        let input = json!({ "input": {
            "kind": "CART", "productId": public(1), "queryId": "q1", "position": -1
        } });
        let answer = fixture.ask(RECORD, input).await;
        assert_eq!(answer["errors"], Value::Null);
        let payload = &answer["data"]["searchEventRecord"];
        assert_eq!(payload["recorded"], false);
        let codes = crate::kit::strings(&payload["userErrors"], "code");
        assert_eq!(
            codes,
            ["UNKNOWN_PRODUCT", "INVALID_QUERY_ID", "INVALID_POSITION"]
        );
        let signals = signal::Entity::find()
            .all(fixture.scratch.database.read())
            .await
            .unwrap();
        assert!(signals.is_empty());
        fixture.scratch.drop().await;
    }
}
