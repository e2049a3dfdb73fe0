//! Products show the stock of its ledger in the orders domain, which is told what there was before it began.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::search::product::{self, NewStock};
use platform::bus::Event;
use platform::database::{Database, DatabaseTransaction};
use platform::inbox::{self, ConsumerGroup, HandleError, Handler, Subscriber};
use platform::jobs::run_leased;
use platform::workers::WorkerContext;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use serde::Deserialize;
use uuid::Uuid;

use crate::events::{self, ProductStock};

pub(crate) const INVENTORY: ConsumerGroup = ConsumerGroup {
    name: "search.inventory",
    topics: &["inventory.events"],
};

/// Products come unannounced only from versions without a ledger, which may still run for a while.
const INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Products per transaction.
const BATCH: u64 = 1_000;

pub(crate) fn subscriber() -> Subscriber {
    Subscriber {
        group: INVENTORY,
        handler: Arc::new(StockHandler),
    }
}

/// Copies the stock.
struct StockHandler;

/// The fields used of `inventory.adjusted`, version 1.
#[derive(Debug, Deserialize)]
struct Adjusted {
    products: Vec<Level>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Level {
    product_id: String,
    sequence: i64,
    available_quantity: i32,
}

#[async_trait]
impl Handler for StockHandler {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let Some(adjusted) = inbox::read::<Adjusted>(event, "inventory.adjusted")? else {
            return Ok(());
        };
        let levels = adjusted.products.iter().map(|level| {
            Ok(NewStock {
                product: IdKind::Product.of_event(&level.product_id)?,
                available_quantity: level.available_quantity,
                sequence: level.sequence,
            })
        });
        let levels = levels.collect::<Result<Vec<_>, HandleError>>()?;
        events::lock_products(transaction).await?;
        // The ledger may know products that the catalog does not: their stock is told again when it does.
        product::set_stock(transaction, &levels, now).await?;
        Ok(())
    }
}

/// Announces products of which the ledger was not told, in one of all instances.
pub(crate) async fn run_announcing(context: WorkerContext) {
    run_leased(&context, "search_stock", INTERVAL, || async {
        announce(&context.database, context.clock.now()).await
    })
    .await;
}

/// Announces all products of which the ledger was not told.
///
/// # Errors
/// A database that cannot be written.
pub async fn announce(database: &Database, now: DateTime<Utc>) -> Result<(), DbErr> {
    loop {
        let transaction = database.begin().await?;
        events::lock_products(&transaction).await?;
        let rows = product::stock_unannounced(&transaction, BATCH).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let products: Vec<ProductStock> = rows.iter().map(ProductStock::new).collect();
        events::product_stock(&transaction, &products, now).await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        product::set_stock_announced(&transaction, &ids, now).await?;
        transaction.commit().await?;
    }
}
