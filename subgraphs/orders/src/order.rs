//! The GraphQL type `Order`, visible only to the customer who placed it.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use entities::orders::order as entity;
use resolvers::id::{IdKind, order_number};
use resolvers::live::Numbered;
use resolvers::money::{CurrencyCode, Money};
use resolvers::scalars::DateTime;
use resolvers::{ApiError, ApiResult, access, connection};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::address::Address;
use crate::customer::Customer;
use crate::loaders::Loaders;
use crate::order_event::OrderEvent;
use crate::order_item::OrderItem;
use crate::order_refund::{self, OrderRefund};
use crate::order_review::{OrderDecided, OrderReview};
use crate::payment_method::PaymentMethod;
use crate::payment_status::{PaymentStatus, payment_status};
use crate::rules::allowed_actions;

/// The progress of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "entity::OrderStatus")]
pub(crate) enum OrderStatus {
    /// Placed; the payment is not settled yet.
    Pending,
    /// Paid and being prepared.
    Confirmed,
    /// The carrier has the parcel.
    Shipped,
    /// The carrier has delivered the parcel.
    Delivered,
    /// It will not be sent: the customer cancelled it, or the payment was declined.
    Cancelled,
}

/// Something a customer can do with an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "allowed_actions::OrderAction")]
pub(crate) enum OrderAction {
    /// Cancel it with `orderCancel`.
    Cancel,
    /// Order the same products again with `orderReorder`.
    Reorder,
}

/// Only created for the customer who placed it. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    currency: CurrencyCode,
    row: Arc<entity::Model>,
    /// The number of its last change, if it was read with the row.
    sequence: Option<i64>,
}

impl TryFrom<Numbered<Arc<entity::Model>>> for Order {
    type Error = ApiError;

    fn try_from(numbered: Numbered<Arc<entity::Model>>) -> ApiResult<Self> {
        let read = Self::try_from(numbered.state)?;
        Ok(Self {
            sequence: Some(numbered.sequence),
            ..read
        })
    }
}

impl TryFrom<Arc<entity::Model>> for Order {
    type Error = ApiError;

    fn try_from(row: Arc<entity::Model>) -> ApiResult<Self> {
        let unknown = || ApiError::internal(format!("order {} has unknown values", row.id));
        Ok(Self {
            currency: CurrencyCode::from_code(&row.local_currency_code).ok_or_else(unknown)?,
            row,
            sequence: None,
        })
    }
}

impl Order {
    /// The order if it exists; FORBIDDEN if it is not the caller's and the caller is not support.
    pub(crate) async fn of_caller(context: &Context<'_>, id: Uuid) -> ApiResult<Option<Self>> {
        let Some(row) = Self::row(context, id).await? else {
            return Ok(None);
        };
        access::owner_or_scope(
            context,
            row.customer_id,
            access::SUPPORT,
            "You can only see your own orders",
        )?;
        row.try_into().map(Some)
    }

    /// Resolves a representation: the order if it exists and the caller may see it.
    pub(crate) async fn resolve_reference(
        context: &Context<'_>,
        id: Uuid,
    ) -> ApiResult<Option<Self>> {
        let Some(row) = Self::row(context, id).await? else {
            return Ok(None);
        };
        if !access::is_owner_or_has_scope(context, row.customer_id, access::SUPPORT)? {
            return Ok(None);
        }
        row.try_into().map(Some)
    }

    async fn row(context: &Context<'_>, id: Uuid) -> ApiResult<Option<Arc<entity::Model>>> {
        let loaders = context.data_unchecked::<Loaders>();
        loaders.orders.load_one(id).await
    }

    /// Its position in the customer's list.
    pub(crate) fn key(&self) -> entity::Key {
        (self.row.placed_at, self.row.id)
    }

    async fn payment(&self, context: &Context<'_>) -> ApiResult<(PaymentStatus, i64)> {
        let loaders = context.data_unchecked::<Loaders>();
        let payment = loaders.payment_of_order.load_one(self.row.id).await?;
        Ok(payment_status(&self.row, payment.as_ref()))
    }

    fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }
}

/// An order, visible only to the customer who placed it and to support. Amounts are in the currency of the payment unless stated
/// otherwise.
#[Object]
impl Order {
    /// Globally unique id: `ord_` followed by 26 characters.
    async fn id(&self) -> ID {
        IdKind::Order.id(self.row.id)
    }

    /// The number by which people call the order, as in messages about it: "7K2M-9QXD". Not for lookups.
    async fn number(&self) -> String {
        order_number(self.row.id)
    }

    /// The number of the order's last change, with which `orderUpdated` continues after a lost connection; 0 before the
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

    /// The order's progress.
    async fn status(&self) -> OrderStatus {
        self.row.status.into()
    }

    /// When the customer placed the order.
    async fn placed_at(&self) -> DateTime {
        self.row.placed_at.into()
    }

    /// When the carrier delivered the order; null until then.
    async fn delivered_at(&self) -> Option<DateTime> {
        self.row.delivered_at.map(DateTime)
    }

    /// The customer who placed the order.
    async fn customer(&self) -> Customer {
        Customer {
            id: self.row.customer_id,
        }
    }

    /// The lines of the order, one for each product.
    async fn items(&self, context: &Context<'_>) -> ApiResult<Vec<OrderItem>> {
        let loaders = context.data_unchecked::<Loaders>();
        let rows = loaders.items_of_order.load_list(self.row.id).await?;
        rows.into_iter()
            .map(|row| OrderItem::of_order(row, self.row.clone()))
            .collect()
    }

    /// The sum of all lines, before shipping and tax.
    async fn subtotal(&self) -> Money {
        self.money(self.row.subtotal_amount)
    }

    /// The price of shipping, which is not taxed; zero if it was free.
    async fn shipping(&self) -> Money {
        self.money(self.row.shipping_amount)
    }

    /// The tax on all lines.
    async fn tax(&self) -> Money {
        self.money(self.row.tax_amount)
    }

    /// The amount to pay: subtotal, shipping and tax.
    async fn total(&self) -> Money {
        self.money(self.row.local_currency_amount)
    }

    /// The part of the total that store credit paid; the payment method pays the rest.
    async fn store_credit_used(&self) -> Money {
        self.money(self.row.store_credit_amount)
    }

    /// The total in US dollars for reports, fixed when the order was placed.
    async fn total_usd(&self) -> Money {
        Money::new(self.row.usd_amount, CurrencyCode::Usd)
    }

    /// Units of the payment's currency per US dollar, fixed when the order was placed.
    async fn exchange_rate(&self) -> ApiResult<Decimal> {
        self.row.exchange_rate.parse().map_err(|error| {
            ApiError::internal(format!("the rate of order {}: {error}", self.row.id))
        })
    }

    /// Where the order is sent.
    async fn shipping_address(&self) -> Address {
        (&self.row.shipping_address).into()
    }

    /// How the order is sent, such as "standard" or "express"; null if there is nothing to send, and for orders from
    /// before there was a choice.
    async fn shipping_option(&self) -> Option<&str> {
        self.row.shipping_option.as_deref()
    }

    /// How the order is paid.
    async fn payment_method(&self, context: &Context<'_>) -> ApiResult<PaymentMethod> {
        let loaders = context.data_unchecked::<Loaders>();
        let id = self.row.payment_method_id;
        let row = loaders.payment_methods.load_one(id).await?;
        row.map(PaymentMethod)
            .ok_or_else(|| ApiError::internal(format!("payment method {id} is missing")))
    }

    /// The payment's progress.
    async fn payment_status(&self, context: &Context<'_>) -> ApiResult<PaymentStatus> {
        Ok(self.payment(context).await?.0)
    }

    /// How much of the total was captured so far. Refunds are not deducted.
    async fn captured_amount(&self, context: &Context<'_>) -> ApiResult<Money> {
        Ok(self.money(self.payment(context).await?.1))
    }

    /// The payment's id at the payment provider, `pi_…`; null until there is one. For other subgraphs only: refunds use the
    /// original payment.
    #[graphql(inaccessible)]
    async fn payment_intent_id(&self) -> Option<&str> {
        self.row.payment_intent_id.as_deref()
    }

    /// What has happened to the order, oldest first.
    async fn timeline(&self, context: &Context<'_>) -> ApiResult<Vec<OrderEvent>> {
        let loaders = context.data_unchecked::<Loaders>();
        let rows = loaders.events_of_order.load_list(self.row.id).await?;
        Ok(rows.into_iter().map(OrderEvent).collect())
    }

    /// Refunds by support, oldest first. Those of returns are with the returns.
    async fn refunds(&self, context: &Context<'_>) -> ApiResult<Vec<OrderRefund>> {
        order_refund::of_order(context, self.row.id, self.currency).await
    }

    /// Why a person looks at the order, or has looked; null if nobody had to. Requires the scope `support`; null without
    /// it.
    #[graphql(requires_scopes = "support")]
    async fn review(&self, context: &Context<'_>) -> Option<ApiResult<OrderReview>> {
        if let Err(refused) = access::scope(context, access::SUPPORT) {
            return Some(Err(refused));
        }
        let loaders = context.data_unchecked::<Loaders>();
        let review = loaders.review_of_order.load_one(self.row.id).await;
        let order = self.row.clone();
        let of = |review| OrderReview { order, review };
        review.transpose().map(|review| review.map(of))
    }

    /// What support did about the order, oldest first. Requires the scope `support`; null without it.
    #[graphql(requires_scopes = "support")]
    async fn decisions(&self, context: &Context<'_>) -> Option<ApiResult<Vec<OrderDecided>>> {
        if let Err(refused) = access::scope(context, access::SUPPORT) {
            return Some(Err(refused));
        }
        let loaders = context.data_unchecked::<Loaders>();
        let made = loaders.decisions_of_order.load_list(self.row.id).await;
        let of = |made| OrderDecided(made, self.currency);
        Some(made.map(|made| made.into_iter().map(of).collect()))
    }

    /// What the customer can do with the order now.
    async fn allowed_actions(&self, context: &Context<'_>) -> ApiResult<Vec<OrderAction>> {
        // Only then do parcels matter.
        let is_packed = self.row.status == entity::OrderStatus::Confirmed && {
            let loaders = context.data_unchecked::<Loaders>();
            loaders.parcel_counts.load_one(self.row.id).await?.is_some()
        };
        let actions = allowed_actions::allowed(self.row.status, is_packed);
        Ok(actions.iter().copied().map(OrderAction::from).collect())
    }
}

connection!(OrderConnection, OrderEdge, Order);
