//! Any JSON value for any argument gives a result or a client error, never an internal one.

mod api;
mod values;

use std::collections::BTreeMap;

use futures::StreamExt;
use futures::stream;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde_json::{Value, json};

use crate::kit::{Graph, layouts};

use api::Api;
use values::{odd_values, random_value};

/// Concurrent requests.
const CONCURRENCY: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn no_value_of_any_argument_is_an_internal_error() {
    for layout in layouts() {
        let graph = Graph::start(layout, &[], &[]).await;
        let token = graph.demo_token().await;
        let mine = "{ me { id orders(first: 1) { nodes { id items { id product { id } } } } } }";
        let mine = graph.query(Some(&token), mine, json!({})).await;
        let order = &mine["data"]["me"]["orders"]["nodes"][0];
        let known = BTreeMap::from([
            ("customerId", mine["data"]["me"]["id"].clone()),
            ("id", order["id"].clone()),
            ("orderId", order["id"].clone()),
            ("orderItemId", order["items"][0]["id"].clone()),
            ("productId", order["items"][0]["product"]["id"].clone()),
        ]);
        assert!(known.values().all(Value::is_string), "{mine}");
        decimals_are_exact(&graph).await;
        let api = Api::new(known);
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let odd = odd_values();
        let mut bodies = Vec::new();
        for place in api.argument_paths() {
            for variables in api.variables(&place.field.arguments) {
                let drawn: Vec<String> = (0..6)
                    .map(|_| random_value(&mut random, 2).to_string())
                    .collect();
                for value in odd.iter().chain(&drawn) {
                    bodies.extend(place.bodies(&api, &variables, value));
                }
            }
        }
        assert!(bodies.len() > 2_000, "{}", bodies.len());
        let (graph_ref, token_ref) = (&graph, token.as_str());
        let wrong: Vec<String> = stream::iter(bodies)
            .map(|body| async move {
                let answer = graph_ref.post(token_ref, &body).await;
                let internal = answer["errors"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .find(|error| {
                        let code = error["extensions"]["code"].as_str();
                        code.is_none_or(|code| code.contains("INTERNAL"))
                    });
                internal.map(|error| {
                    format!(
                        "{} answers {error}",
                        body.chars().take(600).collect::<String>()
                    )
                })
            })
            .buffer_unordered(CONCURRENCY)
            .filter_map(std::future::ready)
            .collect()
            .await;
        assert!(
            wrong.is_empty(),
            "{layout:?}: {} such as\n{}",
            wrong.len(),
            wrong
                .iter()
                .take(20)
                .cloned()
                .collect::<Vec<_>>()
                .join("\n")
        );
        graph.stop().await;
    }
}

/// As literals and as variables, in process and over HTTP.
async fn decimals_are_exact(graph: &Graph) {
    let convert = "convert(to: EUR, amountUsd: ";
    for (number, amount) in [
        ("90071992547409.93", json!("90071992547409.93")),
        ("12345678901234.56", json!("12345678901234.56")),
        ("9007199254740993", json!("9007199254740993.00")),
        ("19.99", json!("19.99")),
        ("\"19.99\"", json!("19.99")),
        // Too large for an amount of money.
        ("9223372036854775808", Value::Null),
        ("1.79e308", Value::Null),
        ("true", Value::Null),
        ("[\"5\"]", Value::Null),
    ] {
        let selection = "{ usd { amount } }";
        let literal = json!({ "query": format!("{{ {convert}{number}) {selection} }}") });
        let query = format!("query($a: Decimal!) {{ {convert}$a) {selection} }}");
        let variable = format!(
            "{{\"query\":{},\"variables\":{{\"a\":{number}}}}}",
            json!(query)
        );
        for body in [literal.to_string(), variable] {
            let answer = graph.post("", &body).await;
            assert_eq!(
                answer["data"]["convert"]["usd"]["amount"], amount,
                "{body}: {answer}"
            );
            if amount.is_null() {
                assert_eq!(
                    answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT",
                    "{answer}"
                );
            }
        }
    }
}
