//! Writes the demo shop into the domains' databases, domain by domain and in chunks, so that a shop of any size takes
//! the same memory, except for some 40 bytes for each movement of stock. Each domain is written in one transaction.

mod notifications;
mod orders;
mod pricing;
mod returns;
mod search;
mod stock;
mod tracking;

use std::collections::BTreeMap;

use anyhow::Context;
use platform::database::Database;

use super::Plan;
use crate::config::Configuration;
use crate::data_directory::Missing;
use crate::domains::{self, Domain};

/// Orders generated and written at a time.
const CHUNK: u32 = 1_000;

/// The databases of all domains.
pub(crate) struct Databases {
    orders: Database,
    returns: Database,
    pricing: Database,
    notifications: Database,
    search: Database,
    tracking: Database,
}

impl Databases {
    /// Opens and migrates all six.
    pub(crate) async fn open(
        configuration: &Configuration,
        missing: Missing<'_>,
    ) -> anyhow::Result<Self> {
        let mut opened = BTreeMap::new();
        for domain in Domain::ALL {
            let (database, _) = domains::open_database(configuration, domain, missing).await?;
            opened.insert(domain, database);
        }
        Self::new(|domain| {
            opened
                .remove(&domain)
                .context("the database was not opened")
        })
    }

    /// From open databases.
    pub(crate) fn new(
        mut database: impl FnMut(Domain) -> anyhow::Result<Database>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            orders: database(Domain::Orders)?,
            returns: database(Domain::Returns)?,
            pricing: database(Domain::Pricing)?,
            notifications: database(Domain::Notifications)?,
            search: database(Domain::Search)?,
            tracking: database(Domain::Tracking)?,
        })
    }

    fn all(&self) -> [&Database; 6] {
        [
            &self.orders,
            &self.returns,
            &self.pricing,
            &self.notifications,
            &self.search,
            &self.tracking,
        ]
    }
}

/// Writes the shop, unless there already is one: then nothing changes and the result is `false`. Of processes that
/// start together, one writes while the others wait.
///
/// Orders come last, so that a shop with orders is complete: whatever an interrupted run has written to other domains
/// is found and kept.
pub(crate) async fn seed(databases: &Databases, plan: &Plan) -> anyhow::Result<bool> {
    let _one_writes = databases.orders.lock_across_processes("seed").await?;
    if orders::is_written(&databases.orders).await? {
        return Ok(false);
    }
    pricing::write(&databases.pricing, plan).await?;
    search::write(&databases.search, plan).await?;
    notifications::write(&databases.notifications, plan).await?;
    tracking::write(&databases.tracking, plan).await?;
    returns::write(&databases.returns, plan).await?;
    orders::write(&databases.orders, plan).await?;
    for database in databases.all() {
        database.checkpoint().await?;
    }
    Ok(true)
}

impl Plan {
    /// The indexes of all orders, in chunks.
    fn chunks(&self) -> impl Iterator<Item = std::ops::Range<u32>> {
        let orders = self.orders;
        (0..orders)
            .step_by(CHUNK as usize)
            .map(move |start| start..(start + CHUNK).min(orders))
    }
}
