//! Exchange rates over an outage of their provider, and one that jumps, in every layout.

use serde_json::{Value, json};

use crate::kit::{Graph, layouts};
use crate::third_parties::ThirdParties;
use crate::wait::until_it;

const EUR: &str = "{ exchangeRate(to: EUR) { rate effectiveRate freshness source } }";

async fn rate(graph: &Graph) -> Value {
    let answer = graph.query(None, EUR, json!({})).await;
    assert_eq!(answer.get("errors"), None, "{answer}");
    answer["data"]["exchangeRate"].clone()
}

async fn until_it_is(graph: &Graph, freshness: &str) -> Value {
    until_it(
        async || rate(graph).await,
        |rate| rate["freshness"] == freshness && rate["source"] == "openexchangerates",
    )
    .await
}

#[tokio::test]
async fn rates_grow_stale_while_their_provider_refuses_and_a_jump_is_held() {
    for layout in layouts() {
        let scratch = tempfile::tempdir().unwrap();
        let third_parties = ThirdParties::start(scratch.path()).await;
        let url = third_parties.process.base.clone();
        let settings = [
            ("VANTAGE_DEMO__ORDERS", "50"),
            ("VANTAGE_PROVIDERS__EXCHANGE_RATES__URL", url.as_str()),
            ("VANTAGE_PROVIDERS__EXCHANGE_RATES__KEY", "app_id_journey"),
            ("VANTAGE_PRICING__RATES__REFRESH_INTERVAL", "1s"),
            ("VANTAGE_PRICING__RATES__FRESH_FOR", "3s"),
            // Long enough to be seen on a busy machine.
            ("VANTAGE_PRICING__RATES__STALE_FOR", "12s"),
        ];
        // The demo shop has euros at 0.9184.
        let fixed = json!({ "EUR": "0.9" });
        third_parties
            .control("/_control/exchange_rates", &fixed)
            .await;
        let graph = Graph::start(layout, &settings, &[]).await;
        let fresh = until_it_is(&graph, "FRESH").await;
        assert_eq!(fresh["rate"], "0.9");
        assert_eq!(fresh["effectiveRate"], "0.9");

        let refusal =
            json!({ "provider": "exchange_rates", "effect": { "kind": "status", "status": 503 } });
        third_parties.control("/_control/faults", &refusal).await;
        let stale = until_it_is(&graph, "STALE").await;
        assert_eq!(stale["effectiveRate"], "0.9", "{layout:?}");
        let very_stale = until_it_is(&graph, "VERY_STALE").await;
        assert_eq!(very_stale["rate"], "0.9");
        assert_eq!(very_stale["effectiveRate"], "0.891", "1 % for the customer");

        third_parties.mend().await;
        assert_eq!(until_it_is(&graph, "FRESH").await["effectiveRate"], "0.9");

        let jumped = json!({ "EUR": "1.08" });
        third_parties
            .control("/_control/exchange_rates", &jumped)
            .await;
        let listed = until_it(
            async || graph.run(&["rates", "list"]).await,
            |listed| listed.contains("1.08 (+20 %)"),
        )
        .await;
        assert!(listed.starts_with("EUR 0.9 "), "{listed}");
        assert_eq!(rate(&graph).await["rate"], "0.9");
        let released = graph.run(&["rates", "release", "eur"]).await;
        assert_eq!(released, "EUR 1.08 is used from now on");
        until_it(async || rate(&graph).await, |rate| rate["rate"] == "1.08").await;

        let set = graph.run(&["rates", "set", "EUR", "1.05"]).await;
        assert_eq!(set, "EUR 1.05 is used until the next fetch");
        graph.stop().await;
    }
}
