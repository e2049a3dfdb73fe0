//! Registers the parcels of an order, for `shipmentRegister` and the warehouse's webhook. The parcel, the timeline and
//! the event that tracking starts from are one transaction. The same parcel again changes nothing.

use async_graphql::{Context, SimpleObject};
use chrono::{DateTime, Utc};
use entities::orders::{order, order_parcel, order_parcel_line, order_payment};
use entities::tracking_number;
use platform::database::DatabaseTransaction;
use resolvers::error::ErrorCode;
use resolvers::id::IdKind;
use resolvers::idempotency::{self, Attempt, IdempotentMutation, KeyUse};
use resolvers::user_error::{InputError, UserErrorCode};
use resolvers::{ApiError, ApiResult, access};
use sea_orm::{DbErr, SqlErr};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::State;
use crate::loaders::Loaders;
use crate::order::Order;
use crate::parcels::Parcels;
use crate::payment;
use crate::rules::parcel_content::{self, Units, Unshippable};
use crate::rules::settlement::PaymentState;
use crate::rules::status::OrderStatus;
use crate::shipment::Shipment;
use crate::shipment_register_input::{ParsedShipment, ShipmentRegisterInput, parse};
use crate::transitions;

/// The scopes of those who may register parcels.
const SCOPES: [&str; 2] = ["fulfilment", "support"];

/// The outcome of `shipmentRegister`.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ShipmentRegisterPayload {
    /// The order, which is shipped once the carrier has the parcel; null if there are errors.
    pub order: Option<Order>,
    /// The parcel. Only its customer can read its fields, and only a moment later, once tracking knows it.
    pub shipment: Option<Shipment>,
    /// Why the parcel was not registered; empty if it was, or had been before.
    pub user_errors: Vec<InputError>,
}

/// The result stored under an idempotency key.
#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    order: Uuid,
    parcel: Uuid,
}

/// What became of a parcel that was to be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registered {
    New(Uuid),
    /// It had been registered before, with the same content.
    Before(Uuid),
}

impl Registered {
    const fn id(self) -> Uuid {
        match self {
            Self::New(id) | Self::Before(id) => id,
        }
    }
}

/// Why a parcel was not registered. The transaction must not be committed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegisterError {
    #[error("it was refused")]
    Refused(Vec<InputError>),
    #[error("the orders database failed: {0}")]
    Database(#[from] DbErr),
}

impl RegisterError {
    fn refused(code: UserErrorCode, message: impl Into<String>, field: &[&str]) -> Self {
        Self::Refused(vec![InputError::new(code, message, field)])
    }
}

/// `shipmentRegister`.
pub(crate) async fn mutate(
    context: &Context<'_>,
    input: &ShipmentRegisterInput,
    idempotency_key: &str,
) -> ApiResult<ShipmentRegisterPayload> {
    let scope = SCOPES
        .iter()
        .find(|scope| access::scope(context, scope).is_ok());
    let actor = access::actor(context, scope.copied().unwrap_or(SCOPES[0]))?;
    let state = context.data_unchecked::<State>();
    let now = state.clock.now();
    let using = KeyUse {
        caller: actor.key_owner,
        operation: "shipmentRegister",
        key: idempotency_key,
        input,
        retention_days: idempotency::MONEY_RETENTION_DAYS,
    };
    let keyed = IdempotentMutation::new(&state.database, using, now);
    if let Some(outcome) = keyed.previous_outcome().await? {
        return payload(context, &outcome).await;
    }
    let parsed = match parse(input) {
        Ok(parsed) => parsed,
        Err(errors) => return Ok(with_errors(errors)),
    };
    let effect = match keyed.begin().await? {
        Attempt::Replay(outcome) => return payload(context, &outcome).await,
        Attempt::First(effect) => effect,
    };
    match register(&effect.transaction, &parsed, &actor.name, now).await {
        Ok(registered) => {
            let outcome = Outcome {
                order: parsed.order,
                parcel: registered.id(),
            };
            effect.commit(&outcome).await?;
            payload(context, &outcome).await
        }
        Err(RegisterError::Refused(errors)) => {
            effect.rollback().await?;
            Ok(with_errors(errors))
        }
        Err(RegisterError::Database(error)) => Err(error.into()),
    }
}

fn with_errors(user_errors: Vec<InputError>) -> ShipmentRegisterPayload {
    ShipmentRegisterPayload {
        order: None,
        shipment: None,
        user_errors,
    }
}

async fn payload(context: &Context<'_>, outcome: &Outcome) -> ApiResult<ShipmentRegisterPayload> {
    context.data_unchecked::<Loaders>().forget();
    let state = context.data_unchecked::<State>();
    let mut rows = order::by_ids(state.database.read(), &[outcome.order]).await?;
    let row = rows.remove(&outcome.order);
    let row = row.ok_or_else(|| ApiError::new(ErrorCode::NotFound, "There is no such order"))?;
    Ok(ShipmentRegisterPayload {
        order: Some(Order::try_from(row)?),
        shipment: Some(Shipment {
            id: IdKind::Shipment.id(outcome.parcel),
        }),
        user_errors: Vec::new(),
    })
}

/// Registers a parcel, and returns whether it is new.
pub(crate) async fn register(
    transaction: &DatabaseTransaction,
    shipment: &ParsedShipment,
    registered_by: &str,
    now: DateTime<Utc>,
) -> Result<Registered, RegisterError> {
    let Some(mut order) = order::lock(transaction, shipment.order).await? else {
        return Err(RegisterError::refused(
            UserErrorCode::OrderNotFound,
            "There is no such order",
            &["input", "orderId"],
        ));
    };
    let parcels = Parcels::of(transaction, &order).await?;
    let carrier = shipment.carrier.as_str();
    let known = order_parcel::by_number(transaction, carrier, &shipment.tracking_number).await?;
    if let Some(known) = known {
        return repeated(&known, &parcels, shipment);
    }
    check_status(&order, &parcels)?;
    let stored = order_payment::of_order(transaction, order.id).await?;
    if stored.is_some_and(|stored| stored.state == PaymentState::NeedsReview) {
        return Err(RegisterError::refused(
            UserErrorCode::OrderNotShippable,
            "The payment of this order waits for support: do not send it yet",
            &["input", "orderId"],
        ));
    }
    let sent = parcels.sent();
    let lines = parcel_content::next_parcel(&parcels.ordered, &sent, shipment.lines.as_deref())
        .map_err(|problems| {
            RegisterError::Refused(problems.into_iter().map(described).collect())
        })?;
    let parcel = order_parcel::Model {
        id: Uuid::now_v7(),
        order_id: order.id,
        carrier: carrier.to_owned(),
        tracking_number: tracking_number::normalized(&shipment.tracking_number),
        registered_by: registered_by.to_owned(),
        registered_at: now,
        shipped_at: None,
        delivered_at: None,
        returned_at: None,
    };
    let rows = lines.iter().map(|line| order_parcel_line::Model {
        parcel_id: parcel.id,
        order_item_id: line.item,
        quantity: line.quantity,
    });
    let inserted = order_parcel::insert(transaction, parcel.clone(), rows.collect()).await;
    inserted.map_err(|error| match error.sql_err() {
        // Registered for another order at the same moment.
        Some(SqlErr::UniqueConstraintViolation(_)) => number_in_use(),
        _ => error.into(),
    })?;
    let all = [sent, lines.clone()].concat();
    let is_complete = parcel_content::left(&parcels.ordered, &all).is_empty();
    transitions::parcel_registered(transaction, &mut order, &parcel, &lines, is_complete, now)
        .await?;
    payment::request_capture(transaction, order.id, parcels.amount_of(&order, &all), now).await?;
    Ok(Registered::New(parcel.id))
}

/// A parcel that is known already: the same one, or a refusal.
fn repeated(
    known: &order_parcel::Model,
    parcels: &Parcels,
    shipment: &ParsedShipment,
) -> Result<Registered, RegisterError> {
    if known.order_id != shipment.order {
        return Err(number_in_use());
    }
    let sorted = |mut lines: Vec<Units>| {
        lines.sort_by_key(|line| line.item);
        lines
    };
    let is_same = shipment
        .lines
        .as_ref()
        .is_none_or(|lines| sorted(lines.clone()) == sorted(parcels.in_parcel(known.id)));
    if is_same {
        return Ok(Registered::Before(known.id));
    }
    Err(RegisterError::refused(
        UserErrorCode::TrackingNumberInUse,
        "This parcel is registered already, with other content",
        &["input", "lines"],
    ))
}

fn number_in_use() -> RegisterError {
    RegisterError::refused(
        UserErrorCode::TrackingNumberInUse,
        "A parcel of another order has this tracking number",
        &["input", "trackingNumber"],
    )
}

fn check_status(order: &order::Model, parcels: &Parcels) -> Result<(), RegisterError> {
    let refused = |message: &str| {
        let field = ["input", "orderId"];
        RegisterError::refused(UserErrorCode::OrderNotShippable, message, &field)
    };
    match order.status {
        OrderStatus::Confirmed => Ok(()),
        OrderStatus::Pending => Err(refused("This order is not paid yet")),
        OrderStatus::Cancelled => Err(refused("This order is cancelled: do not send it")),
        // Sent before parcels were registered here.
        OrderStatus::Shipped | OrderStatus::Delivered if parcels.parcels.is_empty() => {
            Err(refused("This order is already shipped"))
        }
        OrderStatus::Shipped | OrderStatus::Delivered => Ok(()),
    }
}

fn described(problem: Unshippable) -> InputError {
    let error = |index: usize, field: &str, code, message: &str| {
        InputError::new(
            code,
            message,
            &["input", "lines", &index.to_string(), field],
        )
    };
    match problem {
        Unshippable::NothingLeft => InputError::new(
            UserErrorCode::NothingLeftToShip,
            "Everything of this order is in a parcel that has not come back",
            &["input", "orderId"],
        ),
        Unshippable::NotOfThisOrder { index } => error(
            index,
            "orderItemId",
            UserErrorCode::NotOfThisOrder,
            "This item is not part of the order",
        ),
        Unshippable::Duplicate { index } => error(
            index,
            "orderItemId",
            UserErrorCode::DuplicateItem,
            "This item is named twice",
        ),
        Unshippable::NotPositive { index } => error(
            index,
            "quantity",
            UserErrorCode::InvalidQuantity,
            "The quantity must be at least 1",
        ),
        Unshippable::TooMany { index, left } => error(
            index,
            "quantity",
            UserErrorCode::QuantityExceedsOrdered,
            &format!("{left} of this item are left to send"),
        ),
    }
}
