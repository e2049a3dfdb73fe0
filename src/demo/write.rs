//! Writes the demo shop into the domains' databases: the domains at the same time, and each in transactions of bounded
//! size, so that a shop of any size takes the same memory, except for some 40 bytes for each movement of stock.

mod notifications;
mod orders;
mod pricing;
mod returns;
mod search;
mod stock;
mod tracking;

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Context, anyhow, ensure};
use entities::insert_many;
use platform::database::{Database, DatabaseTransaction};
use sea_orm::{DbErr, EntityTrait, IntoActiveModel, SqlErr};
use tokio::task::JoinSet;

use super::{Plan, Progress};
use crate::config::Configuration;
use crate::data_directory::Missing;
use crate::domains::{self, Domain};

/// Orders, products or customers written in one transaction.
const CHUNK: u32 = 2_000;

/// Most rows of one statement.
const ROWS: usize = 512;

const ANOTHER_SHOP: &str = "the databases contain part of another demo shop: continue with its options, or seed another --data \
     directory, or an empty database";

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
/// The demo customer comes last, so that a shop with one is complete. Whatever an interrupted run of the same plan has
/// written is found and kept, and with it the shop's date.
pub(crate) async fn seed(
    databases: &Databases,
    plan: &Plan,
    progress: &Progress,
) -> anyhow::Result<bool> {
    let _one_writes = databases.orders.lock_across_processes("seed").await?;
    if orders::is_complete(&databases.orders, plan).await? {
        return Ok(false);
    }
    write(databases, plan, progress).await.map_err(explain)?;
    for database in databases.all() {
        database.checkpoint().await?;
    }
    Ok(true)
}

async fn write(databases: &Databases, plan: &Plan, progress: &Progress) -> anyhow::Result<()> {
    let now = pricing::write(&databases.pricing, plan, progress).await?;
    let plan = Plan { now, ..*plan };
    let mut others = JoinSet::new();
    others.spawn(search::write(
        databases.search.clone(),
        plan,
        progress.clone(),
    ));
    others.spawn(notifications::write(
        databases.notifications.clone(),
        plan,
        progress.clone(),
    ));
    others.spawn(tracking::write(
        databases.tracking.clone(),
        plan,
        progress.clone(),
    ));
    others.spawn(returns::write(
        databases.returns.clone(),
        plan,
        progress.clone(),
    ));
    let others = async {
        while let Some(written) = others.join_next().await {
            written??;
        }
        anyhow::Ok(())
    };
    let (last, ()) = tokio::try_join!(orders::write(&databases.orders, &plan, progress), others)?;
    last.write(&databases.orders, progress).await
}

/// A shop of another size has other chunks, so that the last row of one is missing while the first ones are there.
fn explain(error: anyhow::Error) -> anyhow::Error {
    let cause = error.downcast_ref::<DbErr>().and_then(DbErr::sql_err);
    match cause {
        Some(SqlErr::UniqueConstraintViolation(_)) => anyhow!(ANOTHER_SHOP),
        _ => error,
    }
}

impl Plan {
    /// The indexes of all orders, in chunks.
    fn chunks(&self) -> impl Iterator<Item = Range<u32>> + use<> {
        chunks(0, self.orders)
    }
}

/// These indexes, in chunks.
fn chunks(first: u32, end: u32) -> impl Iterator<Item = Range<u32>> {
    (first..end)
        .step_by(CHUNK as usize)
        .map(move |start| start..start.saturating_add(CHUNK).min(end))
}

/// Inserts rows in statements of few different lengths, which the connection has already prepared for earlier rows.
/// Returns how many there were.
async fn insert<E>(transaction: &DatabaseTransaction, rows: Vec<E::Model>) -> Result<usize, DbErr>
where
    E: EntityTrait,
    E::ActiveModel: Send,
    E::Model: IntoActiveModel<E::ActiveModel>,
{
    let (count, mut rows, mut length) = (rows.len(), rows.into_iter(), ROWS);
    loop {
        while length > rows.len() {
            length /= 2;
        }
        if length == 0 {
            return Ok(count);
        }
        insert_many::<E>(transaction, rows.by_ref().take(length).collect()).await?;
    }
}

/// Whether an interrupted run has written a row, which was found with this value, and with it all others of its
/// transaction. Fails if another value was expected: then the run was of another shop.
fn is_written<T: PartialEq>(found: Option<T>, expected: T) -> anyhow::Result<bool> {
    ensure!(
        found.as_ref().is_none_or(|found| *found == expected),
        ANOTHER_SHOP
    );
    Ok(found.is_some())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn chunks_cover_every_index_once() {
        for end in [0, 1, CHUNK, CHUNK + 1, 5 * CHUNK - 1] {
            let all: Vec<u32> = chunks(0, end).flatten().collect();
            assert_eq!(all, (0..end).collect::<Vec<_>>());
            assert!(chunks(0, end).all(|chunk| chunk.len() <= CHUNK as usize));
        }
    }

    #[tokio::test]
    async fn an_interrupted_run_is_continued_with_its_date() {
        let directory = tempfile::tempdir().unwrap();
        let configuration = Configuration {
            data: directory.path().to_owned(),
            ..Configuration::default()
        };
        let databases = Databases::open(&configuration, Missing::Create(&[]))
            .await
            .unwrap();
        let (begun, progress) = (Plan::of(CHUNK + 100), Progress::hidden());
        pricing::write(&databases.pricing, &begun, &progress)
            .await
            .unwrap();
        tracking::write(databases.tracking.clone(), begun, progress.clone())
            .await
            .unwrap();
        let later = Plan {
            now: begun.now + chrono::Duration::days(3),
            ..begun
        };
        // Another shop has other customers.
        let other = Plan {
            customers: begun.customers + 30,
            ..later
        };
        let refused = tracking::write(databases.tracking.clone(), other, progress.clone()).await;
        assert!(refused.is_err());
        // Nor is one with more products.
        let other = Plan {
            products: begun.products + 100,
            ..later
        };
        let refused = seed(&databases, &other, &progress).await.unwrap_err();
        assert_eq!(refused.to_string(), ANOTHER_SHOP);
        let (before, _) = progress.finish();
        let progress = Progress::hidden();
        assert!(seed(&databases, &later, &progress).await.unwrap());
        let last = begun.order(begun.orders - 1);
        let written = entities::orders::order::by_ids(databases.orders.read(), &[last.id]).await;
        assert_eq!(written.unwrap()[&last.id].placed_at, last.placed_at);
        let (after, _) = progress.finish();
        assert!(before > 1_000 && after > before, "{before} {after}");
        let again = seed(&databases, &later, &Progress::hidden()).await;
        assert!(!again.unwrap());
    }

    #[tokio::test]
    async fn a_shop_whose_demo_customer_was_erased_is_not_written_again() {
        let directory = tempfile::tempdir().unwrap();
        let configuration = Configuration {
            data: directory.path().to_owned(),
            ..Configuration::default()
        };
        let databases = Databases::open(&configuration, Missing::Create(&[]))
            .await
            .unwrap();
        let (plan, progress) = (Plan::of(20), Progress::hidden());
        assert!(seed(&databases, &plan, &progress).await.unwrap());
        let demo = plan.customer(0).id;
        let erased =
            entities::orders::customer::erase(databases.orders.write(), demo, plan.now).await;
        assert_eq!(erased.unwrap(), 1);
        assert!(!seed(&databases, &plan, &progress).await.unwrap());
    }

    #[test]
    fn rows_of_another_shop_are_refused() {
        let [one, other] = [Uuid::from_u128(1), Uuid::from_u128(2)];
        assert!(!is_written(None, one).unwrap());
        assert!(is_written(Some(one), one).unwrap());
        assert!(is_written(Some(other), one).is_err());
    }
}
