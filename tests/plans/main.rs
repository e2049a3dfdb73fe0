//! Query plans of each finder: in an empty SQLite database, which has no statistics, so that plans depend only on the
//! schema; in an empty PostgreSQL schema that prefers indexes; and in a large shop on PostgreSQL. Finders must not scan large
//! tables, use indexes with low selectivity, or sort many rows for a page.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

/// Runs the finders and returns the problems in their plans.
macro_rules! wrong_plans {
    ($planner:expr, $($finder:literal: $call:expr),+ $(,)?) => {{
        let mut wrong = Vec::new();
        $(
            // Only the plan matters, not the result.
            drop($call.await);
            wrong.extend($planner.wrong($finder));
        )+
        wrong
    }};
}

mod complete;
mod large_shop;
mod notifications;
mod orders;
mod planner;
mod pricing;
mod returns;
mod search;
mod shared;
mod tracking;

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use self::planner::Planner;

const NONE: [String; 0] = [];

fn ids() -> [Uuid; 3] {
    [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)]
}

/// Nothing is that old, as is usual for a sweep that runs often.
fn long_ago() -> DateTime<Utc> {
    Utc::now() - Duration::days(3_000)
}

#[tokio::test]
async fn parcels_are_found_by_what_narrows_the_search() {
    let db = Planner::over::<migrations::tracking::Migrator>().await;
    let wrong = tracking::wrong(&db).await;
    assert_eq!(wrong, NONE, "{wrong:#?}");
}

#[tokio::test]
async fn orders_are_found_by_what_narrows_the_search() {
    let db = Planner::over::<migrations::orders::Migrator>().await;
    let wrong = orders::wrong(&db).await;
    assert_eq!(wrong, NONE, "{wrong:#?}");
}

#[tokio::test]
async fn returns_are_found_by_what_narrows_the_search() {
    let db = Planner::over::<migrations::returns::Migrator>().await;
    let wrong = returns::wrong(&db).await;
    assert_eq!(wrong, NONE, "{wrong:#?}");
}

#[tokio::test]
async fn prices_and_products_are_found_by_what_narrows_the_search() {
    let db = Planner::over::<migrations::pricing::Migrator>().await;
    let mut wrong = pricing::wrong(&db).await;
    let db = Planner::over::<migrations::search::Migrator>().await;
    wrong.extend(search::wrong(&db).await);
    assert_eq!(wrong, NONE, "{wrong:#?}");
}

#[tokio::test]
async fn messages_are_found_by_what_narrows_the_search() {
    for planner in Planner::each::<migrations::notifications::Migrator>().await {
        let wrong = notifications::wrong(&planner).await;
        assert_eq!(wrong, NONE, "{wrong:#?}");
        planner.drop().await;
    }
}

#[tokio::test]
async fn the_tables_that_all_databases_share_are_read_by_what_narrows_the_search() {
    let db = Planner::over::<migrations::orders::Migrator>().await;
    let wrong = shared::wrong(&db).await;
    assert_eq!(wrong, NONE, "{wrong:#?}");
}
