//! The only way to change what the catalog says of products: rows and events in one transaction, for as many products
//! as there are in the same number of statements.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entities::search::product;
use platform::database::DatabaseTransaction;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::catalog_input::{Problem, ProductChange};
use crate::events::{self, DeletedProduct, UpsertedProduct};

/// Most products that are written at a time: their rows are bound to single statements.
pub(crate) const MAX_PRODUCTS: usize = 1_000;

/// How many products a change affected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub created: u64,
    pub updated: u64,
    pub deleted: u64,
    pub unchanged: u64,
    /// Base prices of products that were there already: pricing owns those.
    pub unused_prices: u64,
    /// Other quantities than the stock of products that were there already: the ledger of stock owns those.
    pub unused_quantities: u64,
}

/// Rows to write and what to publish of them.
#[derive(Default)]
pub(crate) struct Changes {
    pub counts: Counts,
    rows: Vec<product::Model>,
    upserted: Vec<UpsertedProduct>,
    deleted: Vec<DeletedProduct>,
}

impl Changes {
    /// Adds the change of a product, as it is stored; `source_sequence` is its number in another system's events.
    ///
    /// # Errors
    /// A new product that lacks something.
    pub(crate) fn add(
        &mut self,
        stored: Option<&product::Model>,
        change: ProductChange,
        source_sequence: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<(), Vec<Problem>> {
        let base_price_usd = change.base_price_usd;
        if stored.is_some() && base_price_usd.is_some() {
            self.counts.unused_prices += 1;
        }
        let quantity = change.available_quantity();
        if stored.is_some_and(|row| quantity.is_some_and(|given| given != row.available_quantity)) {
            self.counts.unused_quantities += 1;
        }
        let Some(mut row) = change.apply(stored, now)? else {
            self.counts.unchanged += 1;
            return Ok(());
        };
        let is_changed = stored != Some(&row);
        row.source_sequence = source_sequence.unwrap_or(row.source_sequence);
        if !is_changed {
            self.counts.unchanged += 1;
            if stored.is_some_and(|stored| stored.source_sequence != row.source_sequence) {
                self.rows.push(row);
            }
            return Ok(());
        }
        row.catalog_sequence += 1;
        row.updated_at = now;
        if stored.is_some_and(|stored| stored.active) && !row.active {
            self.counts.deleted += 1;
            self.deleted.push(DeletedProduct::new(&row));
        } else if row.active {
            let created = stored.is_none();
            let counter = if created {
                &mut self.counts.created
            } else {
                &mut self.counts.updated
            };
            *counter += 1;
            let base_price_usd = base_price_usd.filter(|_| created);
            self.upserted
                .push(UpsertedProduct::new(&row, created, base_price_usd));
        } else {
            // Nobody is told of a product that was not for sale and still is not.
            self.counts.updated += 1;
        }
        self.rows.push(row);
        Ok(())
    }

    /// Writes the rows, at most [`MAX_PRODUCTS`], and publishes the events. The products are locked.
    pub(crate) async fn write(
        self,
        transaction: &DatabaseTransaction,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        product::put(transaction, self.rows).await?;
        events::products_upserted(transaction, &self.upserted, now).await?;
        events::products_deleted(transaction, &self.deleted, now).await
    }
}

/// The stored products of these changes, which are locked until the transaction ends.
pub(crate) async fn lock(
    transaction: &DatabaseTransaction,
    products: &[Uuid],
) -> Result<HashMap<Uuid, product::Model>, DbErr> {
    events::lock_products(transaction).await?;
    product::lock(transaction, products).await
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.deleted += other.deleted;
        self.unchanged += other.unchanged;
        self.unused_prices += other.unused_prices;
        self.unused_quantities += other.unused_quantities;
    }
}
