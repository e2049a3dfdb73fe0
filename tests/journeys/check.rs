//! `vantage check`: a shop is clean, what contradicts itself or another domain is found, and exit codes say which it is.

use std::path::Path;

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::kit::{FIXED_RATES, Graph, layouts, vantage};

/// Asserts that what a journey left behind contradicts nothing.
pub(crate) async fn assert_clean(graph: &Graph) {
    let (code, lines, errors) = check(graph, graph.data(), &[], &[]).await;
    assert_eq!(code, 0, "{lines:#?} {errors}");
}

/// The exit code, the lines that were printed, and the errors.
async fn check(
    graph: &Graph,
    data: &Path,
    arguments: &[&str],
    settings: &[(&str, &str)],
) -> (i32, Vec<String>, String) {
    let output = vantage(data)
        .arg("check")
        .args(arguments)
        .envs(graph.environment())
        .envs(settings.iter().copied())
        .stderr(std::process::Stdio::piped())
        .output()
        .await
        .unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines.lines().map(str::to_owned).collect();
    let errors = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), lines, errors)
}

/// What is found for a change, and how to undo it.
const WRONG: [(&str, &str, &str, &[&str]); 4] = [
    (
        "orders",
        "UPDATE stock_levels SET available = available + 1 WHERE product_id = \
         (SELECT product_id FROM stock_levels ORDER BY product_id LIMIT 1)",
        "UPDATE stock_levels SET available = available - 1 WHERE product_id = \
         (SELECT product_id FROM stock_levels ORDER BY product_id LIMIT 1)",
        &["stock_level"],
    ),
    (
        "returns",
        "UPDATE return_items SET quantity = quantity + 100 WHERE return_id = \
         (SELECT id FROM returns WHERE status = 'completed' ORDER BY id LIMIT 1)",
        "UPDATE return_items SET quantity = quantity - 100 WHERE return_id = \
         (SELECT id FROM returns WHERE status = 'completed' ORDER BY id LIMIT 1)",
        &["returned_units"],
    ),
    (
        "returns",
        "UPDATE returns SET refund_shipping = refund_shipping + 10000000, refund_total = refund_total + 10000000 \
         WHERE id = (SELECT id FROM returns WHERE status = 'completed' ORDER BY id LIMIT 1)",
        "UPDATE returns SET refund_shipping = refund_shipping - 10000000, refund_total = refund_total - 10000000 \
         WHERE id = (SELECT id FROM returns WHERE status = 'completed' ORDER BY id LIMIT 1)",
        &["refunded_total"],
    ),
    (
        "tracking",
        "INSERT INTO outbox_sequences (topic, aggregate_id, last) VALUES ('t', 'a', 9); \
         INSERT INTO idempotency_keys (caller, operation, key, input_hash, outcome, created_at, expires_at) \
         VALUES ('c', 'o', 'k', 'h', 'null', '2026-01-01T00:00:00Z', '2036-01-01T00:00:00Z')",
        "DELETE FROM outbox_sequences WHERE topic = 't'; DELETE FROM idempotency_keys WHERE caller = 'c'",
        &["idempotency_result"],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_is_clean_and_contradictions_are_found_while_it_runs() {
    let settings = [
        FIXED_RATES[0],
        FIXED_RATES[1],
        ("VANTAGE_DEMO__ORDERS", "400"),
    ];
    for layout in layouts() {
        let graph = Graph::start(layout, &settings, &[]).await;
        let data = graph.data();
        let (code, lines, errors) = check(&graph, data, &[], &[]).await;
        assert_eq!((code, errors.as_str()), (0, ""), "{layout:?}: {lines:?}");
        let [summary] = &lines[..] else {
            panic!("{layout:?}: {lines:#?}");
        };
        assert!(summary.ends_with(": nothing is wrong"), "{summary}");
        assert!(summary.contains(" 400 orders,"), "{summary}");

        for (domain, change, undo, kinds) in WRONG {
            let database = graph.database(domain).await;
            database.write().execute_unprepared(change).await.unwrap();
            let (code, lines, _) = check(&graph, data, &[], &[]).await;
            database.write().execute_unprepared(undo).await.unwrap();
            assert_eq!(code, 1, "{layout:?}: {lines:#?}");
            let (violations, summary) = lines.split_at(lines.len() - 1);
            let found: Vec<_> = violations
                .iter()
                .map(|line| line.split(' ').next().unwrap())
                .collect();
            assert_eq!(found, kinds, "{layout:?}: {violations:#?}");
            assert!(violations[0].contains("; see docs/invariants.md#"));
            assert!(summary[0].ends_with(": 1 violation"), "{summary:?}");
            database.close().await;
        }
        graph.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_in_json_has_an_object_for_each_violation_and_one_at_the_end() {
    let settings = [
        FIXED_RATES[0],
        FIXED_RATES[1],
        ("VANTAGE_DEMO__ORDERS", "60"),
    ];
    let graph = Graph::start(crate::kit::Layout::Sqlite, &settings, &[]).await;
    let database = graph.database("orders").await;
    let (_, change, undo, _) = WRONG[0];
    database.write().execute_unprepared(change).await.unwrap();
    let (code, lines, _) = check(&graph, graph.data(), &["--json"], &[]).await;
    database.write().execute_unprepared(undo).await.unwrap();
    assert_eq!(code, 1);
    let objects: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [violation, summary] = &objects[..] else {
        panic!("{lines:#?}");
    };
    assert_eq!(violation["kind"], "stock_level");
    assert_eq!(violation["part"], "orders");
    assert_eq!(violation["page"], "docs/invariants.md#stock_level");
    assert!(violation["id"].as_str().unwrap().starts_with("prd_"));
    assert_eq!(summary["violations"], 1);
    assert_eq!(summary["checked"]["orders"], 60);
    assert_eq!(summary["skipped"], json!([]));

    // A domain that runs elsewhere is skipped, and told so.
    let elsewhere = tempfile::tempdir().unwrap();
    let copied = std::fs::copy(
        graph.data().join("orders.sqlite"),
        elsewhere.path().join("orders.sqlite"),
    );
    copied.unwrap();
    let urls = ["RETURNS", "PRICING", "NOTIFICATIONS", "SEARCH", "TRACKING"];
    let names = urls.map(|name| format!("VANTAGE_SUBGRAPHS__{name}__URL"));
    let urls = names
        .each_ref()
        .map(|name| (name.as_str(), "http://127.0.0.1:9/graphql"));
    let (code, lines, errors) = check(&graph, elsewhere.path(), &[], &urls).await;
    assert_eq!(code, 0, "{errors}");
    assert!(lines[0].ends_with(": nothing is wrong"), "{lines:?}");
    assert!(errors.contains("note: returns not checked: its database is not here"));
    assert!(
        errors.contains("note: returns of orders not checked: "),
        "{errors}"
    );

    // Missing without being elsewhere: it could not look.
    let (code, lines, errors) = check(&graph, elsewhere.path(), &[], &[]).await;
    assert_eq!((code, lines.len()), (2, 0), "{errors}");
    assert!(
        errors.starts_with("error: there is no pricing database"),
        "{errors}"
    );
    graph.stop().await;
}
