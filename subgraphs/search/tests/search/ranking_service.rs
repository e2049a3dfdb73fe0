//! Results ranked by a service, and by the engine when it fails.

use std::time::Duration;

use entities::search::signal::SignalKind;
use search::ranking::Ranker;
use serde_json::json;

use crate::kit::{fixtures, id, public};
use crate::ranking_kit::{BUDGET, Behaviour, PRODUCTS, Service, alike, ids, ranker};

#[tokio::test]
async fn a_service_gets_the_features_and_its_scores_decide() {
    for fixture in fixtures(&alike(PRODUCTS)).await {
        fixture.noticed(id(8), SignalKind::View, 2).await;
        fixture.noticed(id(9), SignalKind::View, 1).await;
        let engine = fixture.with_ranker(Ranker::none());
        let engine = ids(&engine.find(json!({})).await);
        let service = Service::start().await;
        let ranked = fixture.with_ranker(service.ranker(&fixture, BUDGET));
        ranked.refresh().await;
        let found = ranked.find(json!({})).await;
        let reversed: Vec<String> = engine.iter().rev().cloned().collect();
        assert_eq!(ids(&found), reversed);
        assert_eq!(found["personalization"]["reranked"], true);
        let requests = service.requests();
        let [request] = &requests[..] else {
            panic!("{requests:?}");
        };
        assert_eq!(request["version"], 1);
        assert_eq!(request["query"], "wireless");
        let products = request["products"].as_array().unwrap();
        let sent: Vec<&str> = products
            .iter()
            .map(|one| one["id"].as_str().unwrap())
            .collect();
        assert_eq!(sent, engine);
        let number = |place: usize, name: &str| products[place][name].as_f64().unwrap();
        for (place, id) in engine.iter().enumerate() {
            assert_eq!(number(place, "textScore"), 1.0, "{request:#}");
            assert_eq!(number(place, "preferenceSimilarity"), 0.0);
            // Of January, seen in October.
            let recency = number(place, "recency");
            assert!(recency > 0.0 && recency < 0.01, "{recency}");
            let popularity = match id.as_str() {
                one if one == public(8) => 1.0,
                one if one == public(9) => 2_f64.ln() / 3_f64.ln(),
                _ => 0.0,
            };
            assert!((number(place, "popularity7d") - popularity).abs() < 1e-9);
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn results_stay_in_the_engines_order_when_the_service_fails() {
    for fixture in fixtures(&alike(PRODUCTS)).await {
        let engine = fixture.with_ranker(Ranker::none());
        let engine = ids(&engine.find(json!({})).await);
        let service = Service::start().await;
        for behaviour in [
            Behaviour::Status(500),
            Behaviour::Status(404),
            Behaviour::Body("nonsense"),
            Behaviour::Body("{\"scores\": [1.0]}"),
            Behaviour::Body("{\"scores\": null}"),
        ] {
            service.behave(behaviour);
            let ranked = fixture.with_ranker(service.ranker(&fixture, BUDGET));
            let found = ranked.find(json!({})).await;
            assert_eq!(ids(&found), engine, "{behaviour:?}");
            assert_eq!(found["personalization"]["reranked"], false);
            let (walked, _) = ranked.walk(7, true).await;
            assert_eq!(walked, engine, "{behaviour:?}");
            service.behave(Behaviour::Reverse);
            assert_eq!(
                ranked.find(json!({})).await["personalization"]["reranked"],
                true,
                "it recovers: {behaviour:?}"
            );
        }
        // Nobody listens.
        let ranked = fixture.with_ranker(ranker(&fixture, "http://127.0.0.1:1/rank", BUDGET));
        assert_eq!(ids(&ranked.find(json!({})).await), engine);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_slow_service_is_not_waited_for_and_after_five_searches_not_called() {
    for fixture in fixtures(&alike(PRODUCTS)).await {
        let engine = fixture.with_ranker(Ranker::none());
        let engine = ids(&engine.find(json!({})).await);
        let service = Service::start().await;
        service.behave(Behaviour::Never);
        let ranked = fixture.with_ranker(service.ranker(&fixture, Duration::from_millis(20)));
        for _ in 0..8 {
            let found = ranked.find(json!({})).await;
            assert_eq!(ids(&found), engine);
            assert_eq!(found["personalization"]["reranked"], false);
        }
        let calls = service.requests().len();
        assert!(calls <= 5, "{calls}");
        fixture.scratch.drop().await;
    }
}
