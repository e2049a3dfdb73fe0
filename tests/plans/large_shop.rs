//! The finders over a large shop on PostgreSQL, whose planner decides by the sizes of the tables and what is in them.

use std::process::Command;

use sea_orm::{ConnectionTrait, Database};
use uuid::Uuid;

use super::planner::Planner;
use super::{NONE, notifications, orders, pricing, returns, search, shared, tracking};

/// Enough that reading a table whole costs far more than a page of it.
const SEED: [&str; 5] = ["seed", "--orders", "20000", "--products", "5000"];

#[tokio::test]
async fn a_large_shop_on_postgres_is_read_by_what_narrows_the_search() {
    let Ok(server) = std::env::var("VANTAGE_TEST_POSTGRES_URL") else {
        return;
    };
    let connection = Database::connect(&server).await.unwrap();
    let name = format!("plans_{}", Uuid::now_v7().simple());
    let create = format!("CREATE DATABASE \"{name}\"");
    connection.execute_unprepared(&create).await.unwrap();
    let mut url: url::Url = server.parse().unwrap();
    url.set_path(&name);
    seed(url.as_str());

    let mut wrong = Vec::new();
    let db = Planner::of_large_shop(url.as_str(), "orders").await;
    wrong.extend(orders::wrong(&db).await);
    wrong.extend(shared::wrong(&db).await);
    let db = Planner::of_large_shop(url.as_str(), "returns").await;
    wrong.extend(returns::wrong(&db).await);
    let db = Planner::of_large_shop(url.as_str(), "pricing").await;
    wrong.extend(pricing::wrong(&db).await);
    let db = Planner::of_large_shop(url.as_str(), "notifications").await;
    wrong.extend(notifications::wrong(&db).await);
    let db = Planner::of_large_shop(url.as_str(), "search").await;
    wrong.extend(search::wrong(&db).await);
    let db = Planner::of_large_shop(url.as_str(), "tracking").await;
    wrong.extend(tracking::wrong(&db).await);

    let drop = format!("DROP DATABASE \"{name}\" WITH (FORCE)");
    connection.execute_unprepared(&drop).await.unwrap();
    assert_eq!(wrong, NONE, "{wrong:#?}");
}

fn seed(url: &str) {
    let data = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_vantage"))
        .args(SEED)
        .env("VANTAGE_DATA", data.path())
        .env("VANTAGE_DATABASE_URL", url)
        .current_dir(data.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}
