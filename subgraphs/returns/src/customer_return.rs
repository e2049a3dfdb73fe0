//! The GraphQL type `Return`.

use std::borrow::Cow;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use entities::returns::customer_return as entity;
use resolvers::id::IdKind;
use resolvers::live::Numbered;
use resolvers::money::{CurrencyCode, Money};
use resolvers::scalars::DateTime;
use resolvers::{ApiError, ApiResult, access, connection};
use uuid::Uuid;

use crate::events;
use crate::loaders::Loaders;
use crate::order::Order;
use crate::refund_quote::{RefundMethod, RefundQuote};
use crate::return_item::ReturnItem;
use crate::return_review::ReturnReview;
use crate::rules::status;

/// The progress of a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::ReturnStatus")]
pub(crate) enum ReturnStatus {
    /// Created. The customer needs a label next.
    Initiated,
    /// The label can be printed; the carrier does not have the package yet.
    LabelGenerated,
    /// The carrier has the package, and the refund is being issued.
    CarrierScanned,
    /// The refund was issued; the package is on its way to the warehouse.
    RefundIssued,
    /// Finished: the package is back at the warehouse, or support has closed the return.
    Completed,
    /// A support agent is reviewing it.
    ManualReview,
    /// The customer or support cancelled it.
    Cancelled,
}

#[derive(Clone, Debug)]
pub(crate) struct Return {
    currency: CurrencyCode,
    label: Option<ReturnLabel>,
    row: entity::Model,
    /// The number of its last change, if it was read with the row.
    sequence: Option<i64>,
}

impl TryFrom<Numbered<entity::Model>> for Return {
    type Error = ApiError;

    fn try_from(numbered: Numbered<entity::Model>) -> ApiResult<Self> {
        let read = Self::try_from(numbered.state)?;
        Ok(Self {
            sequence: Some(numbered.sequence),
            ..read
        })
    }
}

impl TryFrom<entity::Model> for Return {
    type Error = ApiError;

    fn try_from(row: entity::Model) -> ApiResult<Self> {
        let unknown = || {
            let id = IdKind::Return.format(row.id);
            ApiError::internal(format!("return {id} has unknown values"))
        };
        Ok(Self {
            currency: CurrencyCode::from_code(&row.currency).ok_or_else(unknown)?,
            label: ReturnLabel::of(&row),
            row,
            sequence: None,
        })
    }
}

impl Return {
    /// Whether it has a label that can be used.
    pub(crate) fn has_label(&self) -> bool {
        self.label.is_some()
    }

    /// The return with this id: `None` if it does not exist, FORBIDDEN if it belongs to somebody else and the caller is not
    /// support.
    pub(crate) async fn of_caller(context: &Context<'_>, id: &ID) -> ApiResult<Option<Self>> {
        access::signed_in(context)?;
        let id = IdKind::Return.argument("id", id)?;
        let Some(row) = Self::load(context, id).await? else {
            return Ok(None);
        };
        access::owner_or_scope(
            context,
            row.customer_id,
            access::SUPPORT,
            "You can only see your own returns",
        )?;
        row.try_into().map(Some)
    }

    /// Resolves a representation: `None` unless the return exists and the caller may see it.
    pub(crate) async fn resolve_reference(
        context: &Context<'_>,
        id: &ID,
    ) -> ApiResult<Option<Self>> {
        let Some(id) = IdKind::Return.parse(id) else {
            return Ok(None);
        };
        let Some(row) = Self::load(context, id).await? else {
            return Ok(None);
        };
        if !access::is_owner_or_has_scope(context, row.customer_id, access::SUPPORT)? {
            return Ok(None);
        }
        row.try_into().map(Some)
    }

    async fn load(context: &Context<'_>, id: Uuid) -> ApiResult<Option<entity::Model>> {
        let loaders = context.data_unchecked::<Loaders>();
        loaders.returns.load_one(id).await
    }
}

/// Items of one order that a customer sends back, visible only to them and to support. Amounts are in the currency of the order's payment
/// unless stated otherwise.
#[Object]
impl Return {
    /// Globally unique id: `ret_` followed by 26 characters.
    async fn id(&self) -> ID {
        IdKind::Return.id(self.row.id)
    }

    /// The number of the return's last change, with which `returnUpdated` continues after a lost connection; 0 before the
    /// first.
    async fn sequence(&self, context: &Context<'_>) -> ApiResult<i32> {
        let sequence = match self.sequence {
            Some(sequence) => sequence,
            None => {
                let loaders = context.data_unchecked::<Loaders>();
                let read = loaders.sequences.load_one(self.row.id).await?;
                read.unwrap_or_default()
            }
        };
        Ok(i32::try_from(sequence).unwrap_or(i32::MAX))
    }

    /// The order that the items belong to.
    async fn order(&self) -> Order {
        Order {
            id: self.row.order_id,
        }
    }

    /// The return's progress.
    async fn status(&self) -> ReturnStatus {
        self.row.status.into()
    }

    /// What is sent back, one entry for each order item.
    async fn items(&self, context: &Context<'_>) -> ApiResult<Vec<ReturnItem>> {
        let rows = context
            .data_unchecked::<Loaders>()
            .items_of_return
            .load_list(self.row.id)
            .await?;
        rows.into_iter().map(ReturnItem::try_from).collect()
    }

    /// The amounts quoted when the return was created. They are quoted again when the refund is issued; the total may rise
    /// but never falls.
    async fn refund(&self) -> RefundQuote {
        let money = |minor| Money::new(minor, self.currency);
        RefundQuote {
            items: money(self.row.refund_items),
            tax: money(self.row.refund_tax),
            shipping: money(self.row.refund_shipping),
            total: money(self.row.refund_total),
            includes_shipping: self.row.shipping_refunded,
        }
    }

    /// Where the refund goes, or went.
    async fn refund_method(&self) -> RefundMethod {
        self.row.refund_method.into()
    }

    /// The shipping label; null until it is created, and after the return or the label is cancelled.
    async fn label(&self) -> Option<&ReturnLabel> {
        self.label.as_ref()
    }

    /// What has happened to the return, oldest first.
    async fn timeline(&self, context: &Context<'_>) -> ApiResult<Vec<ReturnEvent>> {
        let rows = context
            .data_unchecked::<Loaders>()
            .events_of_return
            .load_list(self.row.id)
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| ReturnEvent {
                event_type: ReturnEventType::of(&row.event),
                event: row.event,
                timestamp: row.occurred_at.into(),
            })
            .collect())
    }

    /// Why a person looks at the return, or has looked; null if nobody had to.
    async fn review(&self, context: &Context<'_>) -> Option<ApiResult<ReturnReview>> {
        let loaders = context.data_unchecked::<Loaders>();
        let review = loaders.review_of_return.load_one(self.row.id).await;
        let of = |review| ReturnReview {
            row: self.row.clone(),
            currency: self.currency,
            review,
        };
        review.transpose().map(|review| review.map(of))
    }

    /// A sentence in English that tells the customer what to do or wait for; null when nothing more will happen.
    async fn next_step(&self) -> Option<Cow<'static, str>> {
        let carrier = self.row.label_carrier.as_deref();
        status::next_step(self.row.status, carrier, self.row.refund_method)
    }

    /// When the return goes to manual review unless the carrier has scanned the package, 72 hours after the label was
    /// created; null unless the status is LABEL_GENERATED.
    async fn fallback_deadline(&self) -> Option<DateTime> {
        status::fallback_deadline(self.row.status, self.row.label_generated_at).map(DateTime)
    }

    /// When the customer created the return.
    async fn created_at(&self) -> DateTime {
        self.row.created_at.into()
    }

    /// When the return last changed.
    async fn updated_at(&self) -> DateTime {
        self.row.updated_at.into()
    }
}

/// A shipping label to print and attach to the package.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ReturnLabel {
    /// A link to the label as a PDF. It works until `expiresAt`; `returnLabelGenerate` renews it.
    pub url: String,
    /// The carrier's name, such as "USPS".
    pub carrier: String,
    /// The carrier's number for the package.
    pub tracking_number: String,
    /// What the carrier charges the shop, in US dollars.
    pub estimated_cost: Money,
    /// Where the package goes, on one line.
    pub return_address: String,
    /// When `url` stops working.
    pub expires_at: DateTime,
}

impl ReturnLabel {
    /// The row's label, if it is complete and can be used.
    fn of(row: &entity::Model) -> Option<Self> {
        if row.label_voided_at.is_some() || row.status == entity::ReturnStatus::Cancelled {
            return None;
        }
        let currency = CurrencyCode::from_code(row.label_cost_currency.as_deref()?)?;
        Some(Self {
            url: row.label_url.clone()?,
            carrier: row.label_carrier.clone()?,
            tracking_number: row.tracking_number.clone()?,
            estimated_cost: Money::new(row.label_cost?, currency),
            return_address: row.label_return_address.clone()?,
            expires_at: row.label_expires_at?.into(),
        })
    }
}

connection!(ReturnConnection, ReturnEdge, Return);

/// Something that happened to a return.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ReturnEvent {
    /// What happened, as a string: `return_initiated`, `label_generated`, `carrier_scanned`, `refund_issued`, `completed`,
    /// `manual_review`, `cancelled`, `shipping_refunded`, `store_credit_issued`, `label_wanted` or `review_decided`.
    #[graphql(deprecation = "Use `type`, which is an enumeration.")]
    pub event: String,
    /// What happened; null for an event that this version does not know.
    #[graphql(name = "type")]
    pub event_type: Option<ReturnEventType>,
    /// When it happened.
    pub timestamp: DateTime,
}

/// What can happen to a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum ReturnEventType {
    /// The customer created the return.
    ReturnInitiated,
    /// The shipping label was created.
    LabelGenerated,
    /// The carrier has the package.
    CarrierScanned,
    /// The refund was issued.
    RefundIssued,
    /// The return was finished.
    Completed,
    /// Support began to review the return.
    ManualReview,
    /// The customer or support cancelled the return.
    Cancelled,
    /// The order's shipping was refunded later than the rest.
    ShippingRefunded,
    /// The customer got store credit instead of money.
    StoreCreditIssued,
    /// Support wants another label.
    LabelWanted,
    /// Support decided about the return.
    ReviewDecided,
}

impl ReturnEventType {
    fn of(event: &str) -> Option<Self> {
        match event {
            "return_initiated" => Some(Self::ReturnInitiated),
            "label_generated" => Some(Self::LabelGenerated),
            "carrier_scanned" => Some(Self::CarrierScanned),
            "refund_issued" => Some(Self::RefundIssued),
            "completed" => Some(Self::Completed),
            "manual_review" => Some(Self::ManualReview),
            "cancelled" => Some(Self::Cancelled),
            "shipping_refunded" => Some(Self::ShippingRefunded),
            "store_credit_issued" => Some(Self::StoreCreditIssued),
            events::LABEL_WANTED_TIMELINE => Some(Self::LabelWanted),
            events::REVIEW_DECIDED_TIMELINE => Some(Self::ReviewDecided),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::InputType;

    use super::*;

    #[test]
    fn every_event_of_a_timeline_has_a_type() {
        let reached = entity::ReturnStatus::ALL
            .iter()
            .copied()
            .map(status::timeline_event);
        let others = [
            "shipping_refunded",
            "store_credit_issued",
            "label_wanted",
            "review_decided",
        ];
        for event in reached.chain(others) {
            let found = ReturnEventType::of(event).expect(event);
            let name = found.to_value().to_string();
            assert_eq!(name.to_lowercase(), event);
        }
        assert_eq!(ReturnEventType::of("lost"), None);
    }
}
