//! The GraphQL type `Return`.

use std::borrow::Cow;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use entities::returns::customer_return as entity;
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use resolvers::scalars::DateTime;
use resolvers::{ApiError, ApiResult, access};
use uuid::Uuid;

use crate::loaders::Loaders;
use crate::order::Order;
use crate::refund_quote::{RefundMethod, RefundQuote};
use crate::return_item::ReturnItem;
use crate::rules::status;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::ReturnStatus")]
pub(crate) enum ReturnStatus {
    Initiated,
    LabelGenerated,
    /// The carrier has the package.
    CarrierScanned,
    RefundIssued,
    /// The package is back at the warehouse and its units are in stock again.
    Completed,
    /// A support agent is reviewing it.
    ManualReview,
    Cancelled,
}

#[derive(Clone, Debug)]
pub(crate) struct Return {
    currency: CurrencyCode,
    label: Option<ReturnLabel>,
    row: entity::Model,
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
        })
    }
}

impl Return {
    /// Whether it has a label that can be used.
    pub(crate) fn has_label(&self) -> bool {
        self.label.is_some()
    }

    /// The caller's return with this id: `None` if it does not exist, FORBIDDEN if it belongs to somebody else.
    pub(crate) async fn of_caller(context: &Context<'_>, id: &ID) -> ApiResult<Option<Self>> {
        let customer = access::customer(context)?;
        let id = IdKind::Return.argument("id", id)?;
        match Self::load(context, id).await? {
            Some(row) if row.customer_id != customer => {
                Err(ApiError::forbidden("You can only see your own returns"))
            }
            row => row.map(Self::try_from).transpose(),
        }
    }

    /// Resolves a representation: `None` unless the return exists and is the caller's.
    pub(crate) async fn resolve_reference(
        context: &Context<'_>,
        id: &ID,
    ) -> ApiResult<Option<Self>> {
        let (Some(customer), Some(id)) = (access::visitor(context)?, IdKind::Return.parse(id))
        else {
            return Ok(None);
        };
        Self::load(context, id)
            .await?
            .filter(|row| row.customer_id == customer)
            .map(Self::try_from)
            .transpose()
    }

    async fn load(context: &Context<'_>, id: Uuid) -> ApiResult<Option<entity::Model>> {
        let loaders = context.data_unchecked::<Loaders>();
        loaders.returns.load_one(id).await
    }
}

/// Items of one order that a customer sends back.
#[Object]
impl Return {
    async fn id(&self) -> ID {
        IdKind::Return.id(self.row.id)
    }

    async fn order(&self) -> Order {
        Order {
            id: self.row.order_id,
        }
    }

    async fn status(&self) -> ReturnStatus {
        self.row.status.into()
    }

    async fn items(&self, context: &Context<'_>) -> ApiResult<Vec<ReturnItem>> {
        let rows = context
            .data_unchecked::<Loaders>()
            .items_of_return
            .load_list(self.row.id)
            .await?;
        rows.into_iter().map(ReturnItem::try_from).collect()
    }

    /// The amount quoted when the return was created. It is quoted again when the refund is issued and never decreases.
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

    async fn refund_method(&self) -> RefundMethod {
        self.row.refund_method.into()
    }

    /// The shipping label; null until there is one, and once the return is cancelled.
    async fn label(&self) -> Option<&ReturnLabel> {
        self.label.as_ref()
    }

    /// What has happened so far, in order.
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

    /// What the customer should do or wait for; null when nothing more will happen.
    async fn next_step(&self) -> Option<Cow<'static, str>> {
        status::next_step(self.row.status, self.row.label_carrier.as_deref())
    }

    /// When the return goes to manual review unless the carrier has scanned the package.
    async fn fallback_deadline(&self) -> Option<DateTime> {
        status::fallback_deadline(self.row.status, self.row.label_generated_at).map(DateTime)
    }

    async fn created_at(&self) -> DateTime {
        self.row.created_at.into()
    }

    async fn updated_at(&self) -> DateTime {
        self.row.updated_at.into()
    }
}

/// A label to print and attach to the package.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ReturnLabel {
    /// A PDF. The link is valid until `expiresAt`.
    pub url: String,
    pub carrier: String,
    pub tracking_number: String,
    /// The carrier's price.
    pub estimated_cost: Money,
    pub return_address: String,
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

/// An event in the history of a return.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ReturnEvent {
    /// `return_initiated`, `label_generated`, `carrier_scanned`, `refund_issued`, `completed`,
    /// `manual_review` or `cancelled`; `shipping_refunded` and `store_credit_issued` between them.
    pub event: String,
    /// The same as an enumeration; null for events this version does not know.
    #[graphql(name = "type")]
    pub event_type: Option<ReturnEventType>,
    pub timestamp: DateTime,
}

/// The kinds of events in a return's timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum ReturnEventType {
    /// The customer created the return.
    ReturnInitiated,
    /// A shipping label was created.
    LabelGenerated,
    /// The carrier has the package.
    CarrierScanned,
    /// The refund was issued.
    RefundIssued,
    /// The return is complete.
    Completed,
    /// Support is reviewing the return.
    ManualReview,
    /// The customer cancelled the return.
    Cancelled,
    /// The order's shipping was refunded after the rest of the refund.
    ShippingRefunded,
    /// The customer got store credit instead of money.
    StoreCreditIssued,
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
        for event in reached.chain(["shipping_refunded", "store_credit_issued"]) {
            let found = ReturnEventType::of(event).expect(event);
            let name = found.to_value().to_string();
            assert_eq!(name.to_lowercase(), event);
        }
        assert_eq!(ReturnEventType::of("lost"), None);
    }
}
