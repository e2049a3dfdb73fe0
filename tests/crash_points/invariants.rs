//! What `vantage check` finds, and whether all work is done.

use entities::orders::store_credit_balance;
use platform::database::Database;
use platform::invariants::{Inspection, Progress, Violation};
use platform::tables::{inbox_delivery, outbox_event};
use platform::tasks;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use uuid::Uuid;

use crate::refunds;
use crate::world::World;

/// Asserts that no invariant is violated.
pub(crate) async fn assert_hold(world: &World, run: &str) {
    let orders = world.orders.database.read_only().await.unwrap().unwrap();
    let returns = world.returns.database.read_only().await.unwrap().unwrap();
    let mut found: Vec<Violation> = Vec::new();
    let mut report = |progress| {
        if let Progress::Violated(violation) = progress {
            found.push(violation);
        }
    };
    let now = world.clock.now();
    let mut inspection = Inspection::new(&orders, now, &mut report);
    orders::invariants::check(&mut inspection).await.unwrap();
    let mut inspection = Inspection::new(&returns, now, &mut report);
    returns::invariants::check(&mut inspection).await.unwrap();
    refunds::check(&orders, &returns, &mut report)
        .await
        .unwrap();
    orders.close().await;
    returns.close().await;
    assert_eq!(found, [], "{run}");
}

/// Asserts that nothing waits and nothing failed.
pub(crate) async fn assert_done(world: &World, run: &str) {
    for database in [&world.orders.database, &world.returns.database] {
        let db = database.read();
        let unpublished = outbox_event::Entity::find()
            .filter(outbox_event::Column::ConfirmedAt.is_null())
            .count(db);
        assert_eq!(unpublished.await.unwrap(), 0, "{run}: events to publish");
        let undelivered = inbox_delivery::Entity::find().count(db).await.unwrap();
        assert_eq!(undelivered, 0, "{run}: events to handle");
        let failed = tasks::list(db, false, 10).await.unwrap();
        assert_eq!(failed, [], "{run}: failed tasks");
    }
}

/// A customer's store credit, in cents.
pub(crate) async fn credit(orders: &Database, customer: Uuid) -> i64 {
    let balance = store_credit_balance::balance(orders.read(), customer, "USD");
    balance.await.unwrap()
}
