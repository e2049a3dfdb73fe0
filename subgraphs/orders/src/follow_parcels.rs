//! Orders follow their parcels: an order is shipped when the carrier has its first one, and delivered when everything
//! that was ordered has arrived, or came back and was refunded.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::orders::order_event::Actor;
use entities::orders::{order, order_parcel};
use entities::tracking_number::normalized;
use platform::bus::Event;
use platform::database::DatabaseTransaction;
use platform::inbox::{self, HandleError, Handler};
use resolvers::id::IdKind;
use sea_orm::DbErr;
use serde::Deserialize;

use crate::parcels::Parcels;
use crate::payment;
use crate::rules::fulfillment::{self, Fulfillment};
use crate::rules::status::OrderStatus;
use crate::support_alert::{self, ParcelOf, ParcelProblem};
use crate::transitions::{self, Transition, TransitionError};

const STATUS_CHANGED: &str = "tracking.status_changed";
const RETURNED_TO_SENDER: &str = "tracking.returned_to_sender";

/// Handles tracking's events.
pub(crate) struct FollowParcels;

/// The fields used of `tracking.status_changed` and `tracking.returned_to_sender`, version 1.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ParcelChanged {
    order_id: String,
    return_id: Option<String>,
    carrier: String,
    tracking_number: String,
    status: String,
    #[serde(default)]
    previous_status: String,
    /// Whether all parcels that tracking knows were delivered.
    all_delivered: bool,
    /// When the last of the parcels was delivered, whichever was reported last.
    #[serde(default)]
    delivered_at: Option<DateTime<Utc>>,
    timestamp: Option<DateTime<Utc>>,
}

impl ParcelChanged {
    fn parcel(&self) -> ParcelOf<'_> {
        ParcelOf {
            carrier: &self.carrier,
            tracking_number: &self.tracking_number,
        }
    }
}

#[async_trait]
impl Handler for FollowParcels {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let is_back = event.event_type == RETURNED_TO_SENDER;
        let name = if is_back {
            RETURNED_TO_SENDER
        } else {
            STATUS_CHANGED
        };
        let parcel = inbox::read::<ParcelChanged>(event, name)?;
        // A return's parcel does not affect the order.
        let Some(changed) = parcel.filter(|parcel| parcel.return_id.is_none()) else {
            return Ok(());
        };
        let id = IdKind::Order.of_event(&changed.order_id)?;
        let Some(mut order) = order::lock(transaction, id).await? else {
            return Err(HandleError::Unusable(format!(
                "there is no order {}",
                changed.order_id
            )));
        };
        let mut parcels = Parcels::of(transaction, &order).await?;
        let change = Change {
            is_back,
            at: event.happened_at(changed.timestamp),
            reported_at: event.occurred_at,
            now,
        };
        let mut was_shipped = changed.previous_status != "label_created";
        if let Some(row) = parcels.find(&changed) {
            was_shipped = row.shipped_at.is_some();
            change.apply(row, &changed, order.status);
            order_parcel::update(transaction, row.clone()).await?;
        }
        alert(transaction, &order, &changed, was_shipped, change).await?;
        // A parcel that is back has published its alert.
        if !is_back {
            let (parcel, status) = (changed.parcel(), changed.status.as_str());
            transitions::parcel_changed(transaction, &order, parcel, status, change.at, now)
                .await?;
            advance(transaction, &mut order, &parcels, &changed, change).await?;
        }
        Ok(())
    }
}

/// When a parcel changed, and how.
#[derive(Clone, Copy, Debug)]
struct Change {
    is_back: bool,
    at: DateTime<Utc>,
    reported_at: DateTime<Utc>,
    now: DateTime<Utc>,
}

impl Change {
    fn apply(self, row: &mut order_parcel::Model, changed: &ParcelChanged, order: OrderStatus) {
        if self.is_back {
            row.returned_at = Some(self.at);
        } else if Fulfillment::of(&changed.status, false) == Fulfillment::Shipped {
            row.shipped_at.get_or_insert(self.at);
        }
        if changed.status == "delivered" {
            row.delivered_at = Some(self.at);
        } else if order != OrderStatus::Delivered {
            // A delivery to the wrong door is followed by the way back. An order that is delivered stays so, and so does
            // what it follows from.
            row.delivered_at = None;
        }
    }
}

impl Parcels {
    fn find(&mut self, changed: &ParcelChanged) -> Option<&mut order_parcel::Model> {
        let number = normalized(&changed.tracking_number);
        let is_it = |row: &&mut order_parcel::Model| {
            row.carrier == changed.carrier && row.tracking_number == number
        };
        self.parcels.iter_mut().find(is_it)
    }

    /// When the last parcel was delivered, if everything was.
    fn delivered_at(
        &self,
        order: &order::Model,
        changed: &ParcelChanged,
        change: Change,
    ) -> Option<DateTime<Utc>> {
        if self.parcels.is_empty() {
            // Sent without registration, so only tracking knows the parcels.
            let at = changed.delivered_at.unwrap_or(change.at);
            return changed.all_delivered.then_some(at.min(change.reported_at));
        }
        self.arrived_at(order)
    }
}

async fn advance(
    transaction: &DatabaseTransaction,
    order: &mut order::Model,
    parcels: &Parcels,
    changed: &ParcelChanged,
    change: Change,
) -> Result<(), HandleError> {
    let delivered_at = parcels.delivered_at(order, changed, change);
    let fulfillment = Fulfillment::of(&changed.status, delivered_at.is_some());
    for &to in fulfillment::transitions(order.status, fulfillment) {
        let delivered_at = delivered_at.filter(|_| to == OrderStatus::Delivered);
        let transition = Transition {
            to,
            actor: Actor::Carrier,
            reason: None,
            at: delivered_at.unwrap_or(change.at),
        };
        transitions::advance(transaction, order, &transition, change.now)
            .await
            .map_err(|error| match error {
                TransitionError::Illegal(refused) => HandleError::Unusable(refused.to_string()),
                TransitionError::Database(error) => error.into(),
            })?;
        if to == OrderStatus::Shipped {
            // Usually captured when the parcel was registered; without registration, everything was sent.
            let amount = if parcels.parcels.is_empty() {
                order.charged_amount()
            } else {
                parcels.amount_of(order, &parcels.sent())
            };
            payment::request_capture(transaction, order.id, amount, change.now).await?;
        }
    }
    Ok(())
}

/// Delivers an order, locked by this transaction, of which some has arrived and the rest came back and was refunded.
pub(crate) async fn deliver_without_rest(
    transaction: &DatabaseTransaction,
    order: &mut order::Model,
    now: DateTime<Utc>,
) -> Result<(), TransitionError> {
    if order.status != OrderStatus::Shipped {
        return Ok(());
    }
    let parcels = Parcels::of(transaction, order).await?;
    let Some(at) = parcels.arrived_at(order) else {
        return Ok(());
    };
    let transition = Transition {
        to: OrderStatus::Delivered,
        actor: Actor::Support,
        reason: None,
        at,
    };
    transitions::advance(transaction, order, &transition, now).await
}

/// Alerts support about a parcel that came back, and the first scan of one that should not have been sent.
async fn alert(
    transaction: &DatabaseTransaction,
    order: &order::Model,
    changed: &ParcelChanged,
    was_shipped: bool,
    change: Change,
) -> Result<(), DbErr> {
    let is_first_scan =
        !was_shipped && Fulfillment::of(&changed.status, false) == Fulfillment::Shipped;
    let problem = if change.is_back {
        ParcelProblem::ReturnedToSender
    } else if order.status == OrderStatus::Cancelled && is_first_scan {
        ParcelProblem::SentAfterCancellation
    } else {
        return Ok(());
    };
    support_alert::alert_of_parcel(transaction, order, changed.parcel(), problem, change.now).await
}
