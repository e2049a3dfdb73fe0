//! A return's transitions: each writes the row, the timeline and the event in the caller's transaction. Nothing else
//! changes a return's status.

use chrono::{DateTime, Utc};
use entities::returns::return_decision::ReviewDecision;
use entities::returns::{customer_return, return_event, return_item};
use platform::database::DatabaseTransaction;
use platform::outbox::{self, NewEvent};
use resolvers::ApiError;
use resolvers::id::IdKind;
use resolvers::money::Money;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::RefundMethod;
use crate::events::{self, Details, Item, Refund, StatusReached};
use crate::review;
use crate::rules::status::{self, IllegalTransition, ReturnStatus};

/// Who advances a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    Customer(Uuid),
    /// By scanning the package.
    Carrier,
    Warehouse,
    Support,
    /// One of our jobs or workers.
    System,
}

impl Actor {
    /// The name in the timeline and in events: a customer's public id, or the kind of actor.
    pub fn name(self) -> String {
        match self {
            Self::Customer(id) => IdKind::Customer.format(id),
            Self::Carrier => "carrier".to_owned(),
            Self::Warehouse => "warehouse".to_owned(),
            Self::Support => "support".to_owned(),
            Self::System => "system".to_owned(),
        }
    }
}

/// A label that was bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The provider's shipment id, for voiding.
    pub shipment_id: String,
    /// Key in the object store.
    pub object: String,
    pub url: String,
    pub carrier: String,
    pub tracking_number: String,
    pub cost: Money,
    pub return_address: String,
    pub expires_at: DateTime<Utc>,
}

/// Why a return needs manual review; in snake_case in events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum ReviewReason {
    /// The carrier did not scan the package in time.
    NoScan,
    /// No label can be bought at a plausible rate.
    LabelRate,
    /// The label's provider rejected the order's address or parcel.
    LabelRefused,
    /// The carrier is sending the package back to the customer.
    ReturnedToCustomer,
}

impl ReviewReason {
    /// The reason that the queue shows.
    const fn queued_as(self) -> review::ReviewReason {
        match self {
            Self::NoScan => review::ReviewReason::NoScan,
            Self::LabelRate => review::ReviewReason::RateOutOfBounds,
            Self::LabelRefused => review::ReviewReason::NoLabel,
            Self::ReturnedToCustomer => review::ReviewReason::ReturnedToCustomer,
        }
    }
}

/// A transition of a return, with its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    LabelGenerated(Label),
    /// The carrier has had the package since then.
    CarrierScanned(DateTime<Utc>),
    RefundIssued {
        /// The provider's refund or the store credit; `None` if there was nothing to refund.
        provider_id: Option<String>,
        method: RefundMethod,
    },
    /// The package arrived.
    Completed,
    ManualReview(ReviewReason),
    /// A label that was bought stays on the row, to be voided at its provider.
    Cancelled,
    /// Support wants another label: the row forgets the present one, which the caller voids.
    LabelWanted,
    /// Support ends a refunded return whose package did not arrive.
    Closed,
}

impl Transition {
    pub const fn to(&self) -> ReturnStatus {
        match self {
            Self::LabelGenerated(_) => ReturnStatus::LabelGenerated,
            Self::CarrierScanned(_) => ReturnStatus::CarrierScanned,
            Self::RefundIssued { .. } => ReturnStatus::RefundIssued,
            Self::Completed | Self::Closed => ReturnStatus::Completed,
            Self::LabelWanted => ReturnStatus::Initiated,
            Self::ManualReview(_) => ReturnStatus::ManualReview,
            Self::Cancelled => ReturnStatus::Cancelled,
        }
    }

    /// Applies the transition's data to the row.
    fn apply(&self, row: &mut customer_return::Model, now: DateTime<Utc>) {
        row.status = self.to();
        row.updated_at = now;
        match self {
            Self::LabelGenerated(label) => {
                row.label_shipment_id = Some(label.shipment_id.clone());
                row.label_object = Some(label.object.clone());
                row.label_url = Some(label.url.clone());
                row.label_carrier = Some(label.carrier.clone());
                row.tracking_number = Some(label.tracking_number.clone());
                row.label_cost = Some(label.cost.minor);
                row.label_cost_currency = Some(label.cost.currency.as_str().to_owned());
                row.label_return_address = Some(label.return_address.clone());
                row.label_generated_at = Some(now);
                row.label_expires_at = Some(label.expires_at);
            }
            Self::CarrierScanned(at) => row.carrier_scanned_at = Some(*at),
            Self::RefundIssued {
                provider_id,
                method,
            } => {
                row.refund_provider_id.clone_from(provider_id);
                row.refund_method = *method;
                row.refund_issued_at = Some(now);
            }
            Self::LabelWanted => {
                row.label_shipment_id = None;
                row.label_object = None;
                row.label_url = None;
                row.label_carrier = None;
                row.tracking_number = None;
                row.label_cost = None;
                row.label_cost_currency = None;
                row.label_return_address = None;
                row.label_generated_at = None;
                row.label_expires_at = None;
                row.turned_back_at = None;
                row.support_alerted_at = None;
            }
            Self::Completed | Self::Closed | Self::ManualReview(_) | Self::Cancelled => {}
        }
    }

    /// The timeline's name for it.
    const fn timeline_event(&self) -> &'static str {
        match self {
            Self::LabelWanted => events::LABEL_WANTED_TIMELINE,
            _ => status::timeline_event(self.to()),
        }
    }

    /// The type of the published event.
    const fn event_type(&self) -> &'static str {
        match self {
            Self::LabelWanted => events::LABEL_WANTED,
            _ => events::event_type(self.to()),
        }
    }
}

/// Why a return was not advanced. The transaction must not be committed.
#[derive(Debug, thiserror::Error)]
pub enum TransitionError {
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    #[error("return {} was changed by another transaction", IdKind::Return.format(*.0))]
    Conflict(Uuid),
    #[error("return {} has unknown values", IdKind::Return.format(*.0))]
    UnknownValue(Uuid),
    #[error("the returns database failed: {0}")]
    Database(#[from] DbErr),
}

impl From<TransitionError> for ApiError {
    fn from(error: TransitionError) -> Self {
        Self::internal(error)
    }
}

/// Writes a new return with its items, its timeline entry and its event.
pub async fn initiate(
    transaction: &DatabaseTransaction,
    row: &customer_return::Model,
    items: Vec<return_item::Model>,
    actor: Actor,
    now: DateTime<Utc>,
) -> Result<(), TransitionError> {
    let details = Details::Initiated(events::Initiated {
        items: items.iter().map(Item::from).collect(),
        refund: Refund::of(row).ok_or(TransitionError::UnknownValue(row.id))?,
    });
    entities::insert_many::<customer_return::Entity>(transaction, vec![row.clone()]).await?;
    entities::insert_many::<return_item::Entity>(transaction, items).await?;
    let reached = Reached {
        row,
        from: None,
        timeline_event: status::timeline_event(ReturnStatus::Initiated),
        event_type: events::event_type(ReturnStatus::Initiated),
        details,
    };
    reached.publish(transaction, actor, now).await
}

/// Advances a return, or refuses an illegal transition. `row` must be locked by this transaction; returns the updated
/// row.
pub async fn advance(
    transaction: &DatabaseTransaction,
    mut row: customer_return::Model,
    to: &Transition,
    actor: Actor,
    now: DateTime<Utc>,
) -> Result<customer_return::Model, TransitionError> {
    let from = row.status;
    status::transition(from, to.to(), row.refund_issued_at.is_some())?;
    to.apply(&mut row, now);
    update_in_status(transaction, from, &row).await?;
    let reached = Reached {
        row: &row,
        from: Some(from),
        timeline_event: to.timeline_event(),
        event_type: to.event_type(),
        details: details(transaction, &row, from, to).await?,
    };
    reached.publish(transaction, actor, now).await?;
    match to {
        Transition::ManualReview(reason) => {
            review::open(transaction, row.id, reason.queued_as(), now).await?;
        }
        // Whatever a person was to do about it, it has gone on.
        _ => review::close(transaction, row.id, now).await?,
    }
    Ok(row)
}

/// Updates a locked row without changing its status.
pub(crate) async fn update(
    transaction: &DatabaseTransaction,
    row: &customer_return::Model,
) -> Result<(), TransitionError> {
    update_in_status(transaction, row.status, row).await
}

async fn update_in_status(
    transaction: &DatabaseTransaction,
    stored_status: ReturnStatus,
    row: &customer_return::Model,
) -> Result<(), TransitionError> {
    if customer_return::change(transaction, stored_status, row.clone()).await? {
        Ok(())
    } else {
        Err(TransitionError::Conflict(row.id))
    }
}

async fn details(
    transaction: &DatabaseTransaction,
    row: &customer_return::Model,
    from: ReturnStatus,
    to: &Transition,
) -> Result<Details, TransitionError> {
    Ok(match to {
        Transition::LabelGenerated(label) => Details::LabelGenerated(events::LabelGenerated {
            carrier: label.carrier.clone(),
            tracking_number: label.tracking_number.clone(),
            expires_at: label.expires_at,
            fallback_deadline: status::fallback_deadline(to.to(), row.label_generated_at),
        }),
        Transition::CarrierScanned(at) => Details::CarrierScanned(events::CarrierScanned {
            scanned_at: *at,
            late: matches!(from, ReturnStatus::ManualReview | ReturnStatus::Cancelled),
        }),
        Transition::RefundIssued { .. } => Details::RefundIssued(events::RefundIssued {
            refund: Refund::of(row).ok_or(TransitionError::UnknownValue(row.id))?,
        }),
        Transition::Completed => {
            let mut items = return_item::of_returns(transaction, &[row.id]).await?;
            let items = items.remove(&row.id).unwrap_or_default();
            Details::Completed(events::Completed {
                items: items.iter().map(Item::from).collect(),
            })
        }
        // They are not back.
        Transition::Closed => Details::Completed(events::Completed { items: Vec::new() }),
        Transition::LabelWanted => Details::LabelRequested(events::LabelRequested {
            decision: ReviewDecision::RetryLabel.as_str(),
        }),
        Transition::ManualReview(reason) => Details::ManualReview(events::ManualReview {
            reason: reason.into_str(),
        }),
        Transition::Cancelled => Details::Cancelled(events::Cancelled {
            tracking_number: row.tracking_number.clone(),
        }),
    })
}

/// A status that a return has reached.
struct Reached<'a> {
    row: &'a customer_return::Model,
    from: Option<ReturnStatus>,
    timeline_event: &'static str,
    event_type: &'static str,
    details: Details,
}

impl Reached<'_> {
    /// Writes the timeline entry and the outbox event.
    async fn publish(
        self,
        transaction: &DatabaseTransaction,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<(), TransitionError> {
        let event = return_event::Model {
            id: Uuid::now_v7(),
            return_id: self.row.id,
            event: self.timeline_event.to_owned(),
            actor: actor.name(),
            occurred_at: now,
        };
        entities::insert_many::<return_event::Entity>(transaction, vec![event]).await?;
        let return_id = IdKind::Return.format(self.row.id);
        let data = StatusReached {
            version: 1,
            return_id: return_id.clone(),
            order_id: IdKind::Order.format(self.row.order_id),
            customer_id: IdKind::Customer.format(self.row.customer_id),
            status: self.row.status.as_str(),
            previous_status: self.from.map(ReturnStatus::as_str),
            actor: actor.name(),
            details: self.details,
        };
        let event = NewEvent {
            topic: events::TOPIC,
            event_type: self.event_type,
            aggregate_id: &return_id,
            data,
        };
        outbox::append(transaction, event, now).await?;
        Ok(())
    }
}
