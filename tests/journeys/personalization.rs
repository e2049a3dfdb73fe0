//! Personalized search results in every layout: what a command computes is used by running processes at once.

use resolvers::id::IdKind;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kit::{Graph, layouts};
use crate::wait::until_it;

const SEARCH: &str = "query($query: String!) {
    productSearch(query: $query, first: 100) {
        queryId personalization { mode boost variant }
        edges { why } nodes { id category }
    }
}";

const RECORD: &str = "mutation($input: SearchEventInput!) {
    searchEventRecord(input: $input) { recorded userErrors { code } }
}";

async fn search(graph: &Graph, token: Option<&str>, query: &str) -> Value {
    let answer = graph.query(token, SEARCH, json!({ "query": query })).await;
    assert_eq!(answer.get("errors"), None, "{answer:#}");
    answer["data"]["productSearch"].clone()
}

fn ids_of(found: &Value, category: Option<&str>) -> Vec<String> {
    let nodes = found["nodes"].as_array().unwrap().iter();
    nodes
        .filter(|node| category.is_none_or(|category| node["category"] == category))
        .map(|node| node["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn record(graph: &Graph, token: &str, input: Value) -> Value {
    let answer = graph
        .query(Some(token), RECORD, json!({ "input": input }))
        .await;
    assert_eq!(answer.get("errors"), None, "{answer:#}");
    answer["data"]["searchEventRecord"].clone()
}

#[tokio::test]
async fn signals_decide_how_strongly_results_follow_preferences() {
    for layout in layouts() {
        let graph = Graph::start(layout, &[("VANTAGE_DEMO__ORDERS", "50")], &[]).await;
        let plain = search(&graph, None, "studio").await;
        let headphones = ids_of(&plain, Some("Headphones"));
        assert!(headphones.len() >= 3, "{plain:#}");
        let mut tokens = Vec::new();
        for signals in [9, 10, 51] {
            let customer = IdKind::Customer.format(Uuid::now_v7());
            let token = graph.run(&["token", "--customer", &customer]).await;
            for product in headphones.iter().cycle().take(signals) {
                let view = json!({ "kind": "VIEW", "productId": product });
                let payload = record(&graph, &token, view).await;
                assert_eq!(payload["recorded"], true, "{payload}");
            }
            // Cached before the preferences are computed.
            search(&graph, Some(&token), "wireless").await;
            tokens.push(token);
        }
        let purchase = json!({ "kind": "PURCHASE", "productId": headphones[0] });
        let payload = record(&graph, &tokens[0], purchase).await;
        assert_eq!(payload["userErrors"][0]["code"], "PURCHASE_NOT_ACCEPTED");

        let printed = graph.run(&["search", "vectors"]).await;
        assert!(printed.contains("full"), "{printed}");
        let expected = [("NONE", 1.0), ("BLENDED", 0.75), ("FULL", 1.5)];
        let modes = async || {
            let mut modes = Vec::new();
            for token in &tokens {
                let found = search(&graph, Some(token), "studio").await;
                let personalization = &found["personalization"];
                assert_eq!(personalization["variant"], "treatment");
                let mode = personalization["mode"].as_str().unwrap().to_owned();
                modes.push((mode, personalization["boost"].as_f64().unwrap()));
            }
            modes
        };
        let expected = expected.map(|(mode, boost)| (mode.to_owned(), boost));
        until_it(modes, |modes| *modes == expected).await;
        let nobody = search(&graph, None, "studio").await;
        assert_eq!(
            nobody["personalization"],
            json!({ "mode": "NONE", "boost": 1.0, "variant": "control" })
        );
        assert_eq!(ids_of(&nobody, None), ids_of(&plain, None));
        let none = search(&graph, Some(&tokens[0]), "studio").await;
        assert_eq!(ids_of(&none, None), ids_of(&plain, None));
        let full = search(&graph, Some(&tokens[2]), "studio").await;
        assert_ne!(ids_of(&full, None), ids_of(&plain, None));
        assert_eq!(full["nodes"][0]["category"], "Headphones", "{layout:?}");
        let why = full["edges"][0]["why"].as_array().unwrap();
        assert!(why.contains(&json!("preference: headphones")), "{why:?}");

        // The demo customer did enough in the last weeks.
        let demo = graph.demo_token().await;
        let me = "{ me { personalization { optedOut signals mode } } }";
        let answer = graph.query(Some(&demo), me, json!({})).await;
        let mine = &answer["data"]["me"]["personalization"];
        assert_eq!(
            (&mine["optedOut"], &mine["mode"]),
            (&json!(false), &json!("FULL")),
            "{answer}"
        );
        assert!(mine["signals"].as_i64().unwrap() > 50);
        let opt_out = "mutation { personalizationOptOutSet(optOut: true) {
            personalization { optedOut signals mode } userErrors { code }
        } }";
        let answer = graph.query(Some(&demo), opt_out, json!({})).await;
        assert_eq!(
            answer["data"]["personalizationOptOutSet"]["personalization"],
            json!({ "optedOut": true, "signals": 0, "mode": "NONE" }),
            "{answer}"
        );
        let found = search(&graph, Some(&demo), "studio").await;
        assert_eq!(found["personalization"]["mode"], "NONE");

        // Searches of customers who have preferences by now; one for "studio" was counted before they had.
        for token in &tokens[1..] {
            search(&graph, Some(token), "camera").await;
        }
        let click = json!({
            "kind": "SEARCH_CLICK", "productId": headphones[0], "queryId": full["queryId"], "position": 0
        });
        record(&graph, &tokens[2], click).await;
        report(&graph).await;
        graph.stop().await;
    }
}

/// The command and the query report the same.
async fn report(graph: &Graph) {
    let json = graph
        .run(&["search", "experiment", "--format", "json"])
        .await;
    let printed: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(printed["all"]["treatment"]["customers"], 3, "{printed:#}");
    assert_eq!(
        printed["withPreferences"]["treatment"]["customers"], 2,
        "{printed:#}"
    );
    let rate = printed["all"]["treatment"]["clickThrough"]["value"].as_f64();
    assert!((rate.unwrap() - 1.0 / 8.0).abs() < 1e-9, "{printed:#}");
    let text = graph.run(&["search", "experiment"]).await;
    assert!(text.contains("12.5 %"), "{text}");
    let query = "{ searchExperiment {
        all { treatment { customers clickThrough { value } } }
        sampleRatio { mismatch } latency { passed }
    } }";
    let plain = graph.demo_token().await;
    let answer = graph.query(Some(&plain), query, json!({})).await;
    assert_eq!(answer["data"]["searchExperiment"], Value::Null, "{answer}");
    let support = graph.run(&["token", "--demo", "--scope", "support"]).await;
    let answer = graph.query(Some(&support), query, json!({})).await;
    assert_eq!(
        answer["data"]["searchExperiment"]["all"]["treatment"],
        json!({ "customers": 3, "clickThrough": { "value": rate } }),
        "{answer}"
    );
}
