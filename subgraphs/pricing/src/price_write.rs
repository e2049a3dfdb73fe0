//! The only way to change prices: rows, history, event and schedule in one transaction, for as many products as there
//! are in the same number of statements.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entities::insert_many;
use entities::pricing::{price_adjustment, price_change, product_price};
use platform::database::DatabaseTransaction;
use platform::tasks;
use rust_decimal::Decimal;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::events::{self, PublishedPrice};
use crate::price_schedule::FollowSchedule;
use crate::rules::price::{self, Amount};

/// Most products that one transaction's step may change: their rows are bound to single statements.
pub(crate) const MAX_PRODUCTS: usize = 1_000;

/// What a change sets of one product's price. The rest stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PriceChange {
    /// Required for a product without a price.
    pub base_usd_minor: Option<i64>,
    pub compare_at: CompareAt,
    /// In place of all the product has.
    pub adjustments: Option<Vec<Adjustment>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CompareAt {
    Keep,
    Remove,
    UsdMinor(i64),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Adjustment {
    pub kind: String,
    #[serde(with = "StoredAmount")]
    pub amount: Amount,
    /// `None`: from the moment of the change.
    pub from: Option<DateTime<Utc>>,
    /// `None`: until it is removed.
    pub until: Option<DateTime<Utc>>,
}

/// An amount as scheduled changes store it.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Amount")]
enum StoredAmount {
    Percent(Decimal),
    UsdMinor(i64),
}

/// A change of one product's price, with its reason.
#[derive(Clone, Debug)]
pub(crate) struct ProductChange {
    pub product: Uuid,
    pub change: PriceChange,
    pub reason: String,
    pub actor: String,
}

/// Prices that are locked until the end of the transaction.
pub(crate) type Locked = HashMap<Uuid, product_price::Model>;

/// A change that the stored price cannot take, and why; nothing was written for it.
#[derive(Debug)]
pub(crate) struct Impossible {
    pub product: Uuid,
    pub error: String,
}

/// Applies changes of different products, at most [`MAX_PRODUCTS`], whose prices are locked. A change without a base
/// price needs one there. Returns those that are impossible.
pub(crate) async fn apply(
    transaction: &DatabaseTransaction,
    locked: &Locked,
    changes: Vec<ProductChange>,
    floor_percent: Decimal,
    now: DateTime<Utc>,
) -> Result<Vec<Impossible>, DbErr> {
    let products: Vec<Uuid> = changes.iter().map(|change| change.product).collect();
    let mut stored = price_adjustment::of_products(transaction, &products).await?;
    let (mut written, mut impossible) = (Written::default(), Vec::new());
    for change in changes {
        let product = change.product;
        let row = locked.get(&product);
        let adjustments = stored.remove(&product).unwrap_or_default();
        if let Err(error) = written.add(row, adjustments, change, floor_percent, now) {
            impossible.push(Impossible { product, error });
        }
    }
    let products: Vec<Uuid> = written.prices.iter().map(|row| row.product_id).collect();
    product_price::put(transaction, written.prices).await?;
    price_adjustment::remove(transaction, &products).await?;
    insert_many::<price_adjustment::Entity>(transaction, written.adjustments).await?;
    insert_many::<price_change::Entity>(transaction, written.history).await?;
    events::prices_changed(transaction, written.published, now).await?;
    if let Some(at) = written.next_change_at {
        tasks::enqueue(transaction, &FollowSchedule {}, at, now).await?;
    }
    Ok(impossible)
}

/// Publishes prices that have changed because an adjustment began or ended.
pub(crate) async fn publish_due(
    transaction: &DatabaseTransaction,
    products: &[Uuid],
    floor_percent: Decimal,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let locked = product_price::lock(transaction, products).await?;
    let mut adjustments = price_adjustment::of_products(transaction, products).await?;
    let (mut rows, mut published) = (Vec::new(), Vec::new());
    for (product, mut row) in locked {
        let adjustments = adjustments.remove(&product).unwrap_or_default();
        let current = current(&row, &adjustments, floor_percent, now);
        if row.published_usd_minor != Some(current) {
            row.sequence += 1;
            row.published_usd_minor = Some(current);
            published.push(PublishedPrice::new(&row, current));
        }
        row.next_change_at = next_change(&adjustments, now);
        rows.push(row);
    }
    product_price::put(transaction, rows).await?;
    events::prices_changed(transaction, published, now).await
}

/// What a number of changes writes.
#[derive(Default)]
struct Written {
    prices: Vec<product_price::Model>,
    adjustments: Vec<price_adjustment::Model>,
    history: Vec<price_change::Model>,
    published: Vec<PublishedPrice>,
    /// When the first of the prices changes by itself.
    next_change_at: Option<DateTime<Utc>>,
}

impl Written {
    fn add(
        &mut self,
        row: Option<&product_price::Model>,
        stored: Vec<price_adjustment::Model>,
        changed: ProductChange,
        floor_percent: Decimal,
        now: DateTime<Utc>,
    ) -> Result<(), String> {
        let ProductChange {
            product: product_id,
            change,
            reason,
            actor,
        } = changed;
        let base = change.base_usd_minor.or(row.map(|row| row.base_usd_minor));
        let Some(base_usd_minor) = base else {
            return Err("the product has no price, and the change no base price".to_owned());
        };
        let compare_at_usd_minor = match change.compare_at {
            CompareAt::Keep => row.and_then(|row| row.compare_at_usd_minor),
            CompareAt::Remove => None,
            CompareAt::UsdMinor(minor) => Some(minor),
        };
        let adjustments: Vec<price_adjustment::Model> = match change.adjustments {
            Some(given) => given
                .into_iter()
                .map(|adjustment| adjustment.row(product_id, base_usd_minor, now))
                .collect(),
            None => stored
                .into_iter()
                .filter(|row| row.active_until.is_none_or(|until| until > now))
                .map(|row| of_base(row, base_usd_minor))
                .collect::<Result<_, _>>()?,
        };
        let mut price = product_price::Model {
            product_id,
            base_usd_minor,
            compare_at_usd_minor,
            updated_at: now,
            version: row.map_or(0, |row| row.version) + 1,
            sequence: row.map_or(0, |row| row.sequence) + 1,
            published_usd_minor: None,
            next_change_at: next_change(&adjustments, now),
        };
        let current = current(&price, &adjustments, floor_percent, now);
        price.published_usd_minor = Some(current);
        self.published.push(PublishedPrice::new(&price, current));
        self.next_change_at = [self.next_change_at, price.next_change_at]
            .into_iter()
            .flatten()
            .min();
        self.history.push(price_change::Model {
            id: Uuid::now_v7(),
            product_id,
            base_usd_minor,
            compare_at_usd_minor,
            changed_at: now,
            current_usd_minor: Some(current),
            reason: Some(reason),
            actor: Some(actor),
        });
        self.adjustments.extend(adjustments);
        self.prices.push(price);
        Ok(())
    }
}

impl Adjustment {
    fn row(self, product_id: Uuid, base: i64, now: DateTime<Utc>) -> price_adjustment::Model {
        price_adjustment::Model {
            id: Uuid::now_v7(),
            product_id,
            kind: self.kind,
            usd_minor: self.amount.usd_minor(base),
            active_from: self.from.unwrap_or(now),
            active_until: self.until,
            percent: match self.amount {
                Amount::Percent(percent) => Some(percent.normalize().to_string()),
                Amount::UsdMinor(_) => None,
            },
        }
    }
}

/// A stored adjustment after its base price has become this one: a percentage follows it.
fn of_base(row: price_adjustment::Model, base: i64) -> Result<price_adjustment::Model, String> {
    let Some(percent) = &row.percent else {
        return Ok(row);
    };
    let percent = percent
        .parse()
        .map_err(|_| format!("an adjustment has the percentage {percent:?}"))?;
    Ok(price_adjustment::Model {
        usd_minor: Amount::Percent(percent).usd_minor(base),
        ..row
    })
}

fn current(
    row: &product_price::Model,
    adjustments: &[price_adjustment::Model],
    floor_percent: Decimal,
    now: DateTime<Utc>,
) -> i64 {
    let active = adjustments.iter().filter(|adjustment| {
        adjustment.active_from <= now && adjustment.active_until.is_none_or(|until| until > now)
    });
    let active = active.map(|adjustment| adjustment.usd_minor);
    price::current(row.base_usd_minor, active, floor_percent).usd_minor
}

fn next_change(
    adjustments: &[price_adjustment::Model],
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let periods = adjustments.iter();
    let periods = periods.map(|adjustment| (adjustment.active_from, adjustment.active_until));
    price::next_change(periods, now)
}
