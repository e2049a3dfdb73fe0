//! Personalized results: by whose preferences, how strongly, and on which pages.

use chrono::Duration;
use entities::search::signal::SignalKind;
use entities::search::{category_vector, customer_preference};
use futures::future::join_all;
use resolvers::testing::code;
use sea_orm::EntityTrait;
use search::engine::ProductVector;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kit::{fixtures, public};
use crate::personal_kit::{PRODUCTS, SEARCH, catalog, categories, headphones, ids, monitor};

fn personalization(mode: &str, boost: f64, variant: &str) -> Value {
    json!({ "mode": mode, "boost": boost, "variant": variant, "reranked": false })
}

#[tokio::test]
async fn the_number_of_signals_decides_how_strongly_results_follow_preferences() {
    for fixture in fixtures(&catalog()).await {
        let mut customers = Vec::new();
        for signals in [9, 10, 50, 51] {
            customers.push(fixture.customer_who_likes_headphones(signals).await);
        }
        let before = fixture.find(Some(customers[3]), json!({})).await;
        assert_eq!(
            before["personalization"],
            personalization("NONE", 1.0, "treatment"),
            "nothing is computed yet"
        );
        let computed = fixture.state.compute_preferences().await.unwrap();
        assert_eq!(
            (computed.customers, computed.blended, computed.full),
            (4, 2, 1)
        );
        let nobody = fixture.find(None, json!({})).await;
        assert_eq!(
            nobody["personalization"],
            personalization("NONE", 1.0, "control")
        );
        let expected = [
            ("NONE", 1.0),
            ("BLENDED", 0.75),
            ("BLENDED", 0.75),
            ("FULL", 1.5),
        ];
        for (customer, (mode, boost)) in customers.iter().zip(expected) {
            let found = fixture.find(Some(*customer), json!({})).await;
            assert_eq!(
                found["personalization"],
                personalization(mode, boost, "treatment")
            );
            let is_sorted = categories(&found).windows(2).all(|pair| pair[0] <= pair[1]);
            assert_eq!(is_sorted, mode != "NONE", "{mode}: headphones come first");
            assert_eq!(ids(&found) == ids(&nobody), mode == "NONE", "{mode}");
            // Nothing is lost.
            assert_eq!(ids(&found).len(), PRODUCTS);
            let why = found["edges"][0]["why"].as_array().unwrap();
            let reason = json!("preference: headphones");
            assert_eq!(why.contains(&reason), mode != "NONE", "{why:?}");
            assert!((found["edges"][0]["score"].as_f64().unwrap() - 1.0).abs() < 1e-4);
            let off = json!({ "personalize": false });
            let off = fixture.find(Some(*customer), off).await;
            assert_eq!(
                off["personalization"],
                personalization("NONE", 1.0, "control")
            );
            assert_eq!(ids(&off), ids(&nobody));
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn other_orders_and_the_last_ninety_days_alone() {
    for fixture in fixtures(&catalog()).await {
        let customer = fixture.customer_who_likes_headphones(60).await;
        fixture.state.compute_preferences().await.unwrap();
        let sorted = "query($sort: ProductSort!) {
            productSearch(query: \"wireless\", sort: $sort) { personalization { mode } nodes { id } }
        }";
        for sort in ["PRICE_ASC", "PRICE_DESC", "NEWEST", "RATING"] {
            let sort = json!({ "sort": sort });
            let mine = fixture.ask_as(Some(customer), sorted, sort.clone()).await;
            assert_eq!(mine, fixture.ask(sorted, sort).await);
            assert_eq!(
                mine["data"]["productSearch"]["personalization"]["mode"],
                "NONE"
            );
        }
        let found = fixture.find(Some(customer), json!({})).await;
        assert_eq!(found["personalization"]["mode"], "FULL");
        fixture.state.clock.advance(Duration::days(90));
        fixture.state.compute_preferences().await.unwrap();
        let found = fixture.find(Some(customer), json!({})).await;
        assert_eq!(found["personalization"]["mode"], "NONE");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn blended_preferences_are_half_what_is_popular_in_the_category() {
    for fixture in fixtures(&catalog()).await {
        // Those who look at headphones mostly buy monitors.
        for _ in 0..5 {
            let other = Uuid::now_v7();
            fixture.did(other, SignalKind::View, [headphones(0)]).await;
            let bought = (0..20).map(monitor);
            fixture.did(other, SignalKind::Purchase, bought).await;
        }
        let customer = fixture.customer_who_likes_headphones(20).await;
        assert_eq!(fixture.state.compute_category_vectors().await.unwrap(), 2);
        fixture.state.compute_preferences().await.unwrap();
        let row = customer_preference::Entity::find_by_id(customer)
            .one(fixture.scratch.database.read())
            .await;
        let row = row.unwrap().unwrap();
        assert_eq!((row.signals, row.mode.as_str()), (20, "blended"));
        let vector = ProductVector::from_bytes(&row.vector.unwrap()).unwrap();
        let documents = catalog().into_iter().map(search::engine::Document::new);
        let vectors: Vec<_> = documents.map(|one| one.vector.unwrap()).collect();
        let (own, popular) = (vector.cosine(&vectors[0]), vector.cosine(&vectors[1]));
        assert!((own - popular).abs() < 0.15, "{own} {popular}");
        assert!(own > 0.5 && popular > 0.5, "{own} {popular}");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn processes_that_compute_popularity_at_once_do_not_fail() {
    for fixture in fixtures(&catalog()).await {
        let customer = Uuid::now_v7();
        let seen = [headphones(0), monitor(0)];
        fixture.did(customer, SignalKind::View, seen).await;
        for _ in 0..5 {
            let all = (0..3).map(|_| fixture.state.compute_category_vectors());
            for computed in join_all(all).await {
                assert_eq!(computed.unwrap(), 2, "{}", fixture.scratch.name);
            }
        }
        let stored = category_vector::all(fixture.scratch.database.read()).await;
        assert_eq!(stored.unwrap().len(), 2);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn pages_continue_with_the_preferences_that_they_began_with() {
    for fixture in fixtures(&catalog()).await {
        let customer = fixture.customer_who_likes_headphones(60).await;
        fixture.state.compute_preferences().await.unwrap();
        let whole = fixture.find(Some(customer), json!({})).await;
        let page = async |variables: Value| fixture.find(Some(customer), variables).await;
        let first = page(json!({ "first": 13 })).await;
        let mut walked = ids(&first);
        let mut cursor = first["pageInfo"]["endCursor"].clone();
        // The taste changes between the pages.
        fixture
            .did(customer, SignalKind::Purchase, (0..200).map(monitor))
            .await;
        fixture.state.clock.advance(Duration::minutes(1));
        fixture.state.compute_preferences().await.unwrap();
        let now = page(json!({})).await;
        assert_ne!(ids(&now), ids(&whole));
        loop {
            let next = page(json!({ "first": 13, "after": cursor })).await;
            assert_eq!(next["personalization"]["mode"], "FULL");
            assert_eq!(next["queryId"], first["queryId"]);
            walked.extend(ids(&next));
            cursor = next["pageInfo"]["endCursor"].clone();
            if next["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        assert_eq!(walked, ids(&whole));
        let back = json!({ "last": 12, "before": first["pageInfo"]["endCursor"] });
        let back = page(back).await;
        assert_eq!(ids(&back), ids(&whole)[..12]);

        let off = json!({ "after": cursor, "personalize": false });
        let refused = fixture.ask_as(Some(customer), SEARCH, off).await;
        assert_eq!(code(&refused), "BAD_USER_INPUT");
        for stranger in [None, Some(Uuid::now_v7())] {
            let theirs = json!({ "after": cursor });
            let refused = fixture.ask_as(stranger, SEARCH, theirs).await;
            assert_eq!(code(&refused), "BAD_USER_INPUT");
        }
        // A page of plain results stays plain.
        let plain = json!({ "first": 5, "personalize": false });
        let plain = page(plain).await;
        let next = json!({ "first": 5, "after": plain["pageInfo"]["endCursor"] });
        assert_eq!(page(next).await["personalization"]["mode"], "NONE");
        // Two vectors later the first one is gone.
        fixture
            .did(customer, SignalKind::Purchase, (0..50).map(headphones))
            .await;
        fixture.state.clock.advance(Duration::minutes(1));
        fixture.state.compute_preferences().await.unwrap();
        let gone = fixture
            .ask_as(Some(customer), SEARCH, json!({ "after": cursor }))
            .await;
        assert_eq!(code(&gone), "BAD_USER_INPUT", "{gone:#}");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn imported_vectors_replace_those_of_texts() {
    for fixture in fixtures(&catalog()).await {
        let along = |axis: usize| -> Vec<f32> {
            (0..128)
                .map(|n| if n == axis { 2.5 } else { 0.0 })
                .collect()
        };
        // To this model, two monitors are like headphones, which are all alike.
        let mut lines: Vec<String> = (0..PRODUCTS)
            .map(|number| {
                let axis = usize::from(number % 2 == 1 && number > 3);
                json!({ "id": public(number), "vector": along(axis) }).to_string()
            })
            .collect();
        lines.insert(1, json!({ "id": public(0), "vector": [1.0] }).to_string());
        lines.insert(
            2,
            json!({ "id": public(999), "vector": along(0) }).to_string(),
        );
        lines.insert(3, "nonsense".to_owned());
        lines.insert(
            4,
            json!({ "id": public(1), "vector": vec![0.0; 128] }).to_string(),
        );
        // A file without a usable line leaves all vectors as they are: computed from texts, and alike.
        let unusable = fixture.state.import_vectors(&b"nonsense"[..], |_, _| {});
        let report = unusable.await.unwrap();
        assert_eq!(
            (report.imported, report.problems, report.missing),
            (0, 1, 0)
        );
        let file = lines.join("\n");
        let mut problems = Vec::new();
        let report = fixture
            .state
            .import_vectors(file.as_bytes(), |line, message| {
                problems.push((line, message.to_owned()));
            })
            .await
            .unwrap();
        assert_eq!(
            (report.imported, report.problems, report.missing),
            (PRODUCTS as u64, 4, 0)
        );
        let mut told: Vec<u64> = problems.iter().map(|(line, _)| *line).collect();
        told.sort_unstable();
        assert_eq!(told, [2, 3, 4, 5], "{problems:?}");
        let mut follower = search::IndexFollower::new(fixture.state.clone());
        assert_eq!(follower.follow().await.unwrap(), PRODUCTS);
        let customer = fixture.customer_who_likes_headphones(60).await;
        fixture.state.compute_preferences().await.unwrap();
        let found = fixture.find(Some(customer), json!({})).await;
        let found = ids(&found);
        let first: Vec<_> = found[..22].to_vec();
        for number in [1, 3] {
            assert!(first.contains(&public(number)), "{number}");
        }
        // From texts again.
        assert_eq!(
            fixture.state.clear_vectors().await.unwrap(),
            PRODUCTS as u64
        );
        fixture.state.clock.advance(Duration::minutes(1));
        fixture.state.reindex().await.unwrap();
        fixture.state.compute_preferences().await.unwrap();
        let found = fixture.find(Some(customer), json!({})).await;
        assert!(
            categories(&found)[..20]
                .iter()
                .all(|name| name == "Headphones")
        );
        fixture.scratch.drop().await;
    }
}
