//! Exactly the SQL that the page needs: the same finders over the same files, in two waves. First the orders; then,
//! concurrently, everything that belongs to them.

use std::path::Path;

use anyhow::Context;
use chrono::{DateTime, Utc};
use entities::notifications::{customer_state, preference};
use entities::orders::{customer, order, order_item};
use entities::pricing::product_price;
use entities::returns::{customer_return, return_item};
use entities::search::product;
use entities::tracking::shipment;
use futures::try_join;
use platform::database::{Database, DatabaseConfig};
use platform::outbox;
use uuid::Uuid;

pub(crate) struct Sql {
    orders: Database,
    pricing: Database,
    returns: Database,
    notifications: Database,
    search: Database,
    tracking: Database,
}

impl Sql {
    pub(crate) async fn open(data: &Path) -> anyhow::Result<Self> {
        let config = DatabaseConfig::sqlite(data.to_owned());
        Ok(Self {
            orders: Database::open(&config, "orders").await?,
            pricing: Database::open(&config, "pricing").await?,
            returns: Database::open(&config, "returns").await?,
            notifications: Database::open(&config, "notifications").await?,
            search: Database::open(&config, "search").await?,
            tracking: Database::open(&config, "tracking").await?,
        })
    }

    pub(crate) async fn customer(&self, email: &str) -> anyhow::Result<Uuid> {
        let customer = customer::by_email(self.orders.read(), email).await?;
        Ok(customer.context("the customer is there")?.id)
    }

    /// Statements run so far.
    pub(crate) fn statements(&self) -> u64 {
        [
            &self.orders,
            &self.pricing,
            &self.returns,
            &self.notifications,
            &self.search,
            &self.tracking,
        ]
        .map(Database::statements)
        .iter()
        .sum()
    }

    /// Reads all rows of the page; returns the number of orders and items.
    pub(crate) async fn page(
        &self,
        customer: Uuid,
        orders: u64,
        now: DateTime<Utc>,
    ) -> anyhow::Result<(usize, usize)> {
        let db = self.orders.read();
        let newest = order::PageQuery {
            newest_first: true,
            after: None,
            limit: orders + 1,
        };
        let mine = [customer];
        let (_customer, page, _count) = try_join!(
            customer::by_ids(db, &mine),
            order::of_customer(db, customer, &[], &newest),
            order::count(db, customer, &[]),
        )?;
        let orders: Vec<Uuid> = page
            .iter()
            .take(usize::try_from(orders)?)
            .map(|order| order.id)
            .collect();
        let items = order_item::of_orders(db, &orders).await?;
        let rows = || items.values().flatten();
        let items: Vec<Uuid> = rows().map(|item| item.id).collect();
        let mut products: Vec<Uuid> = rows().map(|item| item.product_id).collect();
        products.sort_unstable();
        products.dedup();

        let changes = outbox::last_sequence_query("pricing.events", "prices");
        let (pricing, returns, notifications) = (
            self.pricing.read(),
            self.returns.read(),
            self.notifications.read(),
        );
        try_join!(
            return_item::returned(returns, &items),
            customer_return::of_orders(returns, customer, &orders),
            product::summaries(self.search.read(), &products),
            // Exchange rates are cached.
            product_price::amounts(pricing, &products, now, changes),
            shipment::of_orders(self.tracking.read(), customer, &orders),
            customer_state::of_customers(notifications, &mine),
            preference::of_customers(notifications, &mine),
        )?;
        Ok((orders.len(), items.len()))
    }
}
