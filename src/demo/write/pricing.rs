//! The pricing domain: prices, adjustments, their history, and rates.

use std::ops::Range;

use chrono::{DateTime, Duration, Utc};
use entities::pricing::{exchange_rate, price_adjustment, price_change, product_price};
use platform::database::Database;
use resolvers::money::CurrencyCode;
use sea_orm::EntityTrait;

use super::{chunks, insert};
use crate::demo::places::rate;
use crate::demo::{Plan, Progress, Stream};

/// The source of the demo shop's rates.
const SOURCE: &str = "demo";

/// Writes rates and prices. Returns the date of the shop: that of the interrupted run which is continued, or the plan's.
pub(super) async fn write(
    database: &Database,
    plan: &Plan,
    progress: &Progress,
) -> anyhow::Result<DateTime<Utc>> {
    let now = write_rates(database, plan).await?;
    let plan = Plan { now, ..*plan };
    for chunk in chunks(0, plan.products) {
        write_prices(database, &plan, progress, chunk).await?;
    }
    Ok(now)
}

/// Writes rates unless there are some, and returns their date.
async fn write_rates(database: &Database, plan: &Plan) -> anyhow::Result<DateTime<Utc>> {
    let transaction = database.begin().await?;
    let known = exchange_rate::all(&transaction).await?;
    if !known.is_empty() {
        let ours = known.iter().find(|rate| rate.source == SOURCE);
        return Ok(ours.map_or(plan.now, |rate| rate.as_of));
    }
    let rates = CurrencyCode::ALL
        .into_iter()
        .filter(|currency| *currency != CurrencyCode::Usd)
        .map(|currency| exchange_rate::Model {
            currency: currency.as_str().to_owned(),
            rate: rate(currency).to_string(),
            source: SOURCE.to_owned(),
            as_of: plan.now,
            fetched_at: plan.now,
        });
    exchange_rate::put_rates(&transaction, rates.collect()).await?;
    transaction.commit().await?;
    Ok(plan.now)
}

/// Writes the prices of these products.
async fn write_prices(
    database: &Database,
    plan: &Plan,
    progress: &Progress,
    chunk: Range<u32>,
) -> anyhow::Result<()> {
    let (mut prices, mut adjustments, mut changes) = (Vec::new(), Vec::new(), Vec::new());
    for index in chunk {
        let product = plan.product(index);
        prices.push(product_price::Model {
            product_id: product.id,
            base_usd_minor: product.price,
            compare_at_usd_minor: product.compare_at,
            updated_at: product.created_at,
            version: 1,
            sequence: 1,
            published_usd_minor: Some(product.price + product.adjustment),
            next_change_at: None,
        });
        changes.push(price_change::Model {
            id: plan.id(Stream::Price, u64::from(index) * 2),
            product_id: product.id,
            base_usd_minor: product.price,
            compare_at_usd_minor: product.compare_at,
            changed_at: product.created_at,
            current_usd_minor: Some(product.price),
            reason: Some("catalog".to_owned()),
            actor: Some("demo".to_owned()),
        });
        if product.adjustment != 0 {
            adjustments.push(price_adjustment::Model {
                id: plan.id(Stream::Price, u64::from(index) * 2 + 1),
                product_id: product.id,
                kind: "demand".to_owned(),
                usd_minor: product.adjustment,
                active_from: plan.now - Duration::days(1),
                active_until: None,
                percent: None,
            });
        }
    }
    let Some(last) = prices.last().map(|price| price.product_id) else {
        return Ok(());
    };
    let transaction = database.begin().await?;
    // Written by an interrupted run.
    if product_price::Entity::find_by_id(last)
        .one(&transaction)
        .await?
        .is_some()
    {
        return Ok(());
    }
    let rows = insert::<product_price::Entity>(&transaction, prices).await?
        + insert::<price_adjustment::Entity>(&transaction, adjustments).await?
        + insert::<price_change::Entity>(&transaction, changes).await?;
    transaction.commit().await?;
    progress.add_rows(rows);
    Ok(())
}
