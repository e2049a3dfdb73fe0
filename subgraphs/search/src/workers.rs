//! Reacts to other domains' events: stock follows its ledger, prices follow those of the pricing domain, and
//! products those of another system that owns the catalog. Purchases become signals. Computes preferences, and deletes
//! what is too old.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use entities::search::product::{self, NewPrice};
use entities::search::{customer_preference, search_exposure, signal};
use platform::bus::Event;
use platform::database::{Database, DatabaseTransaction};
use platform::inbox::{self, ConsumerGroup, HandleError, Handler, Subscriber};
use platform::jobs::run_leased;
use platform::workers::{Job, WorkerContext};
use resolvers::erasure;
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money, Rounding};
use rust_decimal::Decimal;
use sea_orm::DbErr;
use serde::Deserialize;
use uuid::Uuid;

use crate::catalog_input::{Problem, ProductChange, ProductInput};
use crate::catalog_write::{self, Changes, MAX_PRODUCTS};
use crate::events::{self, CATALOG_TOPIC, PRODUCT_DELETED, PRODUCT_UPSERTED};

use crate::State;
use crate::preference_job;
use crate::privacy::{self, EraseSearch};
use crate::purchases::PurchaseHandler;
use crate::rules::preference::WINDOW;
use crate::stock;

/// The consumer groups of this domain.
pub const CONSUMERS: &[ConsumerGroup] = &[
    stock::INVENTORY,
    PRICES,
    CATALOG,
    ORDERS,
    privacy::CUSTOMERS,
];

const PRICES: ConsumerGroup = ConsumerGroup {
    name: "search.prices",
    topics: &["pricing.events"],
};

const CATALOG: ConsumerGroup = ConsumerGroup {
    name: "search.catalog",
    topics: &[CATALOG_TOPIC],
};

const ORDERS: ConsumerGroup = ConsumerGroup {
    name: "search.orders",
    topics: &["orders.events"],
};

/// Signals are kept as long as they count, and the searches of the experiment as long as reports go back.
const RETENTION: TimeDelta = WINDOW;
/// Empty preferences show other processes that there are none any more, and are not needed after that.
const EMPTY_PREFERENCES: TimeDelta = TimeDelta::days(1);
const SWEEP_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Rows per statement, so that a sweep never blocks other writes for long.
const BATCH: u64 = 1_000;

/// The subscribers of this domain.
pub fn subscribers() -> Vec<Subscriber> {
    vec![
        stock::subscriber(),
        Subscriber {
            group: PRICES,
            handler: Arc::new(PriceHandler),
        },
        Subscriber {
            group: CATALOG,
            handler: Arc::new(CatalogHandler),
        },
        Subscriber {
            group: ORDERS,
            handler: Arc::new(PurchaseHandler),
        },
        erasure::subscriber(privacy::CUSTOMERS, Arc::new(EraseSearch)),
    ]
}

/// What this domain does by itself.
pub fn jobs(state: &State, context: &WorkerContext) -> Vec<Job> {
    // The statements of workers are counted apart.
    let state = State {
        database: context.database.clone(),
        ..state.clone()
    };
    let personalization = state.personalization.clone();
    let (nightly, weekly) = (state.clone(), state);
    let [
        following,
        recording,
        sweeping,
        announcing,
        at_night,
        once_a_week,
    ] = std::array::from_fn(|_| context.clone());
    let preferences = personalization.preferences;
    let exposures = personalization.exposures;
    vec![
        Job::new("search.preference_changes", move || {
            preferences.clone().follow(following.clone())
        }),
        Job::new("search.exposures", move || {
            exposures.clone().run(recording.clone())
        }),
        Job::new("search.preferences", move || {
            preference_job::run_nightly(nightly.clone(), at_night.clone())
        }),
        Job::new("search.category_vectors", move || {
            preference_job::run_weekly(weekly.clone(), once_a_week.clone())
        }),
        Job::new("search.signals", move || sweep(sweeping.clone())),
        Job::new("search.stock", move || {
            stock::run_announcing(announcing.clone())
        }),
    ]
}

/// Deletes what is too old, in one of all instances.
async fn sweep(context: WorkerContext) {
    run_leased(&context, "search_signals", SWEEP_INTERVAL, || async {
        sweep_once(&context.database, context.clock.now()).await
    })
    .await;
}

/// Deletes signals and searches that no longer count, and empty preferences.
///
/// # Errors
/// A database that cannot be written.
pub async fn sweep_once(database: &Database, now: DateTime<Utc>) -> Result<(), DbErr> {
    let db = database.write();
    while signal::sweep(db, now - RETENTION, BATCH).await? > 0 {}
    while search_exposure::sweep(db, now - RETENTION, BATCH).await? > 0 {}
    while customer_preference::sweep(db, now - EMPTY_PREFERENCES, BATCH).await? > 0 {}
    Ok(())
}

/// Copies changed prices, which results are filtered and sorted by.
struct PriceHandler;

/// The fields used of `price.changed`, version 1.
#[derive(Debug, Deserialize)]
struct Changed {
    prices: Vec<Price>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Price {
    product_id: String,
    sequence: i64,
    /// Adjustments included.
    current_usd: Decimal,
}

#[async_trait]
impl Handler for PriceHandler {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let Some(changed) = inbox::read::<Changed>(event, "price.changed")? else {
            return Ok(());
        };
        let prices = changed.prices.iter().map(|price| {
            let usd = Money::from_decimal(price.current_usd, CurrencyCode::Usd, Rounding::Down);
            let usd = usd.ok_or_else(|| {
                HandleError::Unusable(format!("{} is no price", price.current_usd))
            })?;
            Ok(NewPrice {
                product: IdKind::Product.of_event(&price.product_id)?,
                usd_minor: usd.minor,
                sequence: price.sequence,
            })
        });
        let prices = prices.collect::<Result<Vec<_>, HandleError>>()?;
        events::lock_products(transaction).await?;
        // Prices may be set before their products are in the catalog: pricing publishes them again when they are.
        product::set_prices(transaction, &prices, now).await?;
        Ok(())
    }
}

/// Applies what another system that owns the catalog publishes.
struct CatalogHandler;

/// The fields used of both events, version 1.
#[derive(Debug, Deserialize)]
struct CatalogEvent<P> {
    products: Vec<P>,
}

#[derive(Debug, Deserialize)]
struct Upserted {
    /// The number of this change among the product's.
    sequence: i64,
    #[serde(flatten)]
    product: ProductInput,
}

#[derive(Debug, Deserialize)]
struct Deleted {
    id: String,
    /// The number of this change among the product's.
    sequence: i64,
}

#[async_trait]
impl Handler for CatalogHandler {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let changes = match (
            inbox::read::<CatalogEvent<Upserted>>(event, PRODUCT_UPSERTED)?,
            inbox::read::<CatalogEvent<Deleted>>(event, PRODUCT_DELETED)?,
        ) {
            (Some(upserted), _) => upserted
                .products
                .into_iter()
                .map(|upserted| {
                    let change = upserted.product.check().map_err(unusable)?;
                    Ok((upserted.sequence, change))
                })
                .collect::<Result<Vec<_>, HandleError>>()?,
            (_, Some(deleted)) => deleted
                .products
                .into_iter()
                .map(|deleted| {
                    let id = IdKind::Product.of_event(&deleted.id)?;
                    Ok((deleted.sequence, ProductInput::removal(id)))
                })
                .collect::<Result<_, HandleError>>()?,
            (None, None) => return Ok(()),
        };
        for changes in newest(changes).chunks(MAX_PRODUCTS) {
            apply(transaction, changes, now).await?;
        }
        Ok(())
    }
}

/// The newest change of each product.
fn newest(changes: Vec<(i64, ProductChange)>) -> Vec<(i64, ProductChange)> {
    let mut newest: HashMap<Uuid, (i64, ProductChange)> = HashMap::new();
    for (sequence, change) in changes {
        let known = newest.get(&change.product).map(|(known, _)| *known);
        if known.is_none_or(|known| known < sequence) {
            newest.insert(change.product, (sequence, change));
        }
    }
    newest.into_values().collect()
}

async fn apply(
    transaction: &DatabaseTransaction,
    changes: &[(i64, ProductChange)],
    now: DateTime<Utc>,
) -> Result<(), HandleError> {
    let ids: Vec<Uuid> = changes.iter().map(|(_, change)| change.product).collect();
    let stored = catalog_write::lock(transaction, &ids).await?;
    let mut written = Changes::default();
    for (sequence, change) in changes {
        let row = stored.get(&change.product);
        if row.is_some_and(|row| row.source_sequence >= *sequence) {
            continue;
        }
        written
            .add(row, change.clone(), Some(*sequence), now)
            .map_err(unusable)?;
    }
    Ok(written.write(transaction, now).await?)
}

fn unusable(problems: Vec<Problem>) -> HandleError {
    let texts: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.field, problem.message))
        .collect();
    HandleError::Unusable(texts.join("; "))
}
