//! `priceSet`: changes prices, now or at a later moment, all or none.

use std::collections::HashSet;

use async_graphql::{ID, SimpleObject};
use chrono::{DateTime as Time, Utc};
use entities::insert_many;
use entities::pricing::{product_price, scheduled_price_change};
use platform::database::DatabaseTransaction;
use platform::tasks;
use resolvers::ApiError;
use resolvers::id::IdKind;
use resolvers::scalars::DateTime;
use resolvers::user_error::{InputError, UserErrorCode};
use rust_decimal::Decimal;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::events;
use crate::price_schedule::FollowSchedule;
use crate::price_set_input::{PriceChangeInput, PriceSetInput, Problem};
use crate::price_write::{self, Impossible, Locked, MAX_PRODUCTS, PriceChange, ProductChange};
use crate::product::Product;

/// What `priceSet` changed.
#[derive(Debug, Default, SimpleObject)]
pub(crate) struct PriceSetPayload {
    /// The products whose price has changed, in the order of the input.
    pub products: Vec<Product>,
    /// The changes that take effect later, in the order of the input.
    pub scheduled: Vec<ScheduledPriceChange>,
    /// If there are any, nothing has changed.
    pub user_errors: Vec<InputError>,
}

/// A change of a price that takes effect later.
#[derive(Clone, Debug, Serialize, Deserialize, SimpleObject)]
pub(crate) struct ScheduledPriceChange {
    /// The product whose price changes.
    pub product_id: ID,
    /// When it takes effect.
    pub effective_at: DateTime,
    /// Why, as it will be in the history.
    pub reason: String,
    /// Who scheduled it: a customer's id, the name of an application, or the one given to an import.
    pub actor: String,
}

impl From<&scheduled_price_change::Model> for ScheduledPriceChange {
    fn from(row: &scheduled_price_change::Model) -> Self {
        Self {
            product_id: IdKind::Product.id(row.product_id),
            effective_at: row.effective_at.into(),
            reason: row.reason.clone(),
            actor: row.actor.clone(),
        }
    }
}

/// The result stored under an idempotency key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    products: Vec<Uuid>,
    scheduled: Vec<ScheduledPriceChange>,
}

impl From<Outcome> for PriceSetPayload {
    fn from(outcome: Outcome) -> Self {
        let products = outcome.products.into_iter();
        Self {
            products: products.map(|id| Product { id }).collect(),
            scheduled: outcome.scheduled,
            user_errors: Vec::new(),
        }
    }
}

/// A change that is valid by itself.
#[derive(Clone, Debug)]
pub(crate) struct CheckedChange {
    pub product: Uuid,
    /// `None`: nothing of the price.
    change: Option<PriceChange>,
    reason: String,
    if_version: Option<i64>,
    pub effective_at: Option<Time<Utc>>,
    replace_scheduled: bool,
}

impl CheckedChange {
    pub(crate) fn new(input: &PriceChangeInput, now: Time<Utc>) -> Result<Self, Vec<Problem>> {
        let product = IdKind::Product.parse(&input.product_id).ok_or_else(|| {
            let message =
                "This is not the id of a product: expected prd_ followed by 26 characters";
            Problem::new(UserErrorCode::InvalidId, &["productId"], message)
        });
        let change = input.check(now);
        let (product, change) = match (product, change) {
            (Ok(product), Ok(change)) => (product, change),
            (product, change) => {
                let of_id = product.err().into_iter();
                return Err(of_id.chain(change.err().into_iter().flatten()).collect());
            }
        };
        Ok(Self {
            product,
            change: input.sets_price().then_some(change),
            reason: input.reason.trim().to_owned(),
            if_version: input.if_version.map(i64::from),
            effective_at: input.scheduled(),
            replace_scheduled: input.replace_scheduled,
        })
    }

    /// What is wrong with it beside the price that there is, and its version.
    pub(crate) fn check(
        &self,
        row: Option<&product_price::Model>,
        version: i64,
    ) -> Option<Problem> {
        if let Some(expected) = self.if_version
            && expected != version
        {
            return Some(Problem::new(
                UserErrorCode::VersionMismatch,
                &["ifVersion"],
                format!("The price has version {version} by now: look at it again"),
            ));
        }
        let change = self.change.as_ref()?;
        (row.is_none() && change.base_usd_minor.is_none()).then(|| {
            let message = "The product has no price yet: give baseUsd";
            Problem::new(UserErrorCode::PriceRequired, &["baseUsd"], message)
        })
    }
}

/// All errors that the input has by itself, or its changes.
pub(crate) fn check(
    input: &PriceSetInput,
    now: Time<Utc>,
) -> Result<Vec<CheckedChange>, Vec<InputError>> {
    let count = input.changes.len();
    if count == 0 || count > MAX_PRODUCTS {
        return Err(vec![InputError::new(
            UserErrorCode::InvalidItems,
            format!("There must be 1 to {MAX_PRODUCTS} changes"),
            &["input", "changes"],
        )]);
    }
    let (mut checked, mut errors) = (Vec::with_capacity(count), Vec::new());
    let mut products = HashSet::new();
    for (index, change) in input.changes.iter().enumerate() {
        match CheckedChange::new(change, now) {
            Ok(change) => {
                if !products.insert(change.product) {
                    let message = "This product is named twice";
                    let problem =
                        Problem::new(UserErrorCode::DuplicateItem, &["productId"], message);
                    errors.push(problem.at(index));
                }
                checked.push(change);
            }
            Err(problems) => errors.extend(problems.into_iter().map(|problem| problem.at(index))),
        }
    }
    if errors.is_empty() {
        Ok(checked)
    } else {
        Err(errors)
    }
}

/// The prices of these changes' products, locked.
pub(crate) async fn lock(
    transaction: &DatabaseTransaction,
    changes: &[CheckedChange],
) -> Result<Locked, DbErr> {
    events::lock_prices(transaction).await?;
    let products: Vec<Uuid> = changes.iter().map(|change| change.product).collect();
    product_price::lock(transaction, &products).await
}

/// The errors of the changes beside the prices that there are.
pub(crate) fn check_locked(changes: &[CheckedChange], locked: &Locked) -> Vec<InputError> {
    let problems = changes.iter().enumerate().filter_map(|(index, change)| {
        let row = locked.get(&change.product);
        let problem = change.check(row, row.map_or(0, |row| row.version))?;
        Some(problem.at(index))
    });
    problems.collect()
}

/// Why changes were not written.
#[derive(Debug)]
pub(crate) enum WriteError {
    Database(DbErr),
    /// What these products have stored cannot be read.
    Impossible(Vec<Impossible>),
}

impl From<DbErr> for WriteError {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        let impossible = match error {
            WriteError::Database(error) => return error.into(),
            WriteError::Impossible(impossible) => impossible,
        };
        let of_product = |Impossible { product, error }: &Impossible| {
            let product = IdKind::Product.format(*product);
            format!("the price of {product} cannot change: {error}")
        };
        let messages: Vec<_> = impossible.iter().map(of_product).collect();
        Self::internal(messages.join("; "))
    }
}

/// Who changes prices, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writer<'a> {
    pub actor: &'a str,
    pub floor_percent: Decimal,
    pub now: Time<Utc>,
}

/// Writes changes without errors, each product's once and later ones at different times, and what is to be done later.
/// `scheduled` are those of the same request that were written before, which are not replaced.
pub(crate) async fn write(
    transaction: &DatabaseTransaction,
    changes: Vec<CheckedChange>,
    locked: &Locked,
    scheduled: &mut HashSet<Uuid>,
    by: Writer<'_>,
) -> Result<Outcome, WriteError> {
    let Writer {
        actor,
        floor_percent,
        now,
    } = by;
    let replaced: Vec<Uuid> = changes
        .iter()
        .filter(|change| change.replace_scheduled)
        .map(|change| change.product)
        .collect();
    let (mut at_once, mut later) = (Vec::new(), Vec::new());
    for checked in changes {
        let Some(change) = checked.change else {
            continue;
        };
        match checked.effective_at {
            None => at_once.push(ProductChange {
                product: checked.product,
                change,
                reason: checked.reason,
                actor: actor.to_owned(),
            }),
            Some(effective_at) => later.push(scheduled_price_change::Model {
                id: Uuid::now_v7(),
                product_id: checked.product,
                effective_at,
                change: serde_json::to_value(change)
                    .map_err(|error| DbErr::Json(error.to_string()))?,
                reason: checked.reason,
                actor: actor.to_owned(),
                created_at: now,
                last_error: None,
            }),
        }
    }
    let outcome = Outcome {
        products: at_once.iter().map(|change| change.product).collect(),
        scheduled: later.iter().map(ScheduledPriceChange::from).collect(),
    };
    replace(transaction, &replaced, scheduled).await?;
    scheduled.extend(later.iter().map(|row| row.id));
    if !at_once.is_empty() {
        let impossible =
            price_write::apply(transaction, locked, at_once, floor_percent, now).await?;
        if !impossible.is_empty() {
            return Err(WriteError::Impossible(impossible));
        }
    }
    if let Some(first) = later.iter().map(|row| row.effective_at).min() {
        insert_many::<scheduled_price_change::Entity>(transaction, later).await?;
        tasks::enqueue(transaction, &FollowSchedule {}, first, now).await?;
    }
    Ok(outcome)
}

/// Removes the scheduled changes of these products but for these.
async fn replace(
    transaction: &DatabaseTransaction,
    products: &[Uuid],
    kept: &HashSet<Uuid>,
) -> Result<(), DbErr> {
    if products.is_empty() {
        return Ok(());
    }
    let mut replaced = scheduled_price_change::ids_of_products(transaction, products).await?;
    replaced.retain(|id| !kept.contains(id));
    for ids in replaced.chunks(MAX_PRODUCTS) {
        scheduled_price_change::remove(transaction, ids).await?;
    }
    Ok(())
}
