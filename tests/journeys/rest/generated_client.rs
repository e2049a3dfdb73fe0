//! Validates the OpenAPI document, and generates and runs a client from it. Started by `tests/rest/run.sh`.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::process::Command;

use super::client::Client;
use super::shop::deliver;
use crate::tracking_client::Shop;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rest");

#[tokio::test]
#[ignore = "needs Node.js and its packages: run tests/rest/run.sh"]
async fn a_generated_client_is_served() {
    let shop = Shop::start(&[]).await;
    let me = shop.query("{ me { id } }", json!({})).await;
    let customer = me["me"]["id"].as_str().unwrap();
    let orders = shop.database("orders").await;
    let bought = deliver(&orders, customer, Utc::now() - TimeDelta::days(1)).await;
    for script in ["generate", "check", "test"] {
        let status = Command::new("npm")
            .args(["run", "--silent", script])
            .current_dir(SCRIPTS)
            .env("BASE_URL", &shop.process.base)
            .env("TOKEN", &shop.token)
            .env("CUSTOMER", customer)
            .env("ORDER", &bought.order)
            .env("ITEM", &bought.item)
            .status()
            .await
            .expect("npm");
        assert!(status.success(), "{script}: {status}");
    }
    shop.stop().await;
}

#[tokio::test]
async fn every_documented_operation_is_a_route() {
    let shop = Shop::start(&[]).await;
    let client = Client::new(&shop.process.base, None);
    let answer = client.get("/api/openapi.json", &[]).await;
    assert_eq!(
        answer.header("content-type"),
        "application/json; charset=utf-8"
    );
    let document = answer.json();
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "x");
        for method in item.as_object().unwrap().keys() {
            let method = method.to_ascii_uppercase().parse().unwrap();
            let answer = client.send(method, &path, &[], None).await;
            // Without a token, a body, or an upgrade.
            let status = answer.status.as_u16();
            assert!([401, 415, 426].contains(&status), "{answer:?}");
            operations += 1;
        }
    }
    assert_eq!(operations, 7);
    let committed: Value =
        serde_json::from_str(include_str!("../../../schema/openapi.json")).unwrap();
    assert_eq!(document, committed);
    shop.stop().await;
}
