//! Upgrade of a data directory written by an earlier version, with unfinished work.

use std::process::Command;

use entities::orders::order_payment;
use resolvers::id::IdKind;
use sea_orm::EntityTrait;
use serde_json::json;

use crate::kit::{Graph, Layout};
use crate::wait::until;

/// Written while no third party responded, then killed: 40 orders, one cancelled with its payment still to be released,
/// and a return whose label is still to be bought.
const DATA: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/journeys/fixtures/data-2026-11-28.tar.gz"
);
const CANCELLED: &str = "ord_01jgfjk6t0e4qv995n3vcsqsrx";
const RETURN: &str = "ret_01m8jhsswbe7eswzd8rjdy5j02";

#[tokio::test]
async fn a_data_directory_of_the_version_before_opens_and_what_it_left_undone_is_done() {
    let data = tempfile::tempdir().unwrap();
    let unpacked = Command::new("tar")
        .args(["-xzf", DATA, "-C"])
        .arg(data.path())
        .status();
    assert!(unpacked.unwrap().success());
    let graph = Graph::start_in(data, Layout::Sqlite, &[], &[]).await;
    let token = graph.demo_token().await;

    let query = "query($id: ID!, $order: ID!) {
      return(id: $id) { status label { url } } order(id: $order) { status items { id } }
    }";
    let variables = json!({ "id": RETURN, "order": CANCELLED });
    let made = until("the label is bought", async || {
        let answer = graph.query(Some(&token), query, variables.clone()).await;
        (answer["data"]["return"]["status"] == "LABEL_GENERATED").then_some(answer)
    })
    .await;
    assert!(made["data"]["return"]["label"]["url"].is_string(), "{made}");
    assert_eq!(made["data"]["order"]["status"], "CANCELLED");
    assert_eq!(made["data"]["order"]["items"].as_array().unwrap().len(), 2);

    let orders = graph.database("orders").await;
    let order = IdKind::Order.parse(CANCELLED).unwrap();
    until("the payment is released", async || {
        let payment = order_payment::Entity::find_by_id(order).one(orders.read());
        let payment = payment.await.unwrap().unwrap();
        (payment.state.as_str() == "released").then_some(())
    })
    .await;
    until("no task is left", async || {
        let left = graph.run(&["tasks", "list", "--all"]).await;
        left.is_empty().then_some(())
    })
    .await;
    orders.close().await;
    graph.stop().await;
}
