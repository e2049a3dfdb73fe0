//! An order's lines and the parcels that they were sent in, read under the order's lock.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use entities::orders::order_refund;
use entities::orders::{order, order_item, order_parcel, order_parcel_line};
use platform::database::DatabaseTransaction;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::rules::capture::{self, SentLine};
use crate::rules::fulfillment;
use crate::rules::parcel_content::{self, Units};

/// What was ordered, and what was sent of it.
#[derive(Clone, Debug)]
pub(crate) struct Parcels {
    pub ordered: Vec<Units>,
    pub parcels: Vec<order_parcel::Model>,
    items: Vec<Arc<order_item::Model>>,
    lines: Vec<order_parcel_line::Model>,
    /// What support refunded, in minor units; not read while no parcel came back.
    refunded: i64,
}

impl Parcels {
    /// Of an order that this transaction has locked.
    pub(crate) async fn of(
        transaction: &DatabaseTransaction,
        order: &order::Model,
    ) -> Result<Self, DbErr> {
        let mut items = order_item::of_orders(transaction, &[order.id]).await?;
        let items = items.remove(&order.id).unwrap_or_default();
        let parcels = order_parcel::of_order(transaction, order.id).await?;
        let ids: Vec<_> = parcels.iter().map(|parcel| parcel.id).collect();
        let lines = if ids.is_empty() {
            Vec::new()
        } else {
            order_parcel_line::of_parcels(transaction, &ids).await?
        };
        let refunded = if parcels.iter().any(is_back) {
            refunded(transaction, order.id).await?
        } else {
            0
        };
        Ok(Self {
            ordered: items
                .iter()
                .map(|item| Units {
                    item: item.id,
                    quantity: item.quantity,
                })
                .collect(),
            parcels,
            items,
            lines,
            refunded,
        })
    }

    /// The units that the customer has or that are on their way: those in parcels that have not come back. What came back
    /// can be sent again.
    pub(crate) fn sent(&self) -> Vec<Units> {
        self.units_in(|parcel| !is_back(parcel))
    }

    fn units_in(&self, is_meant: impl Fn(&order_parcel::Model) -> bool) -> Vec<Units> {
        let parcels = self.parcels.iter().filter(|&parcel| is_meant(parcel));
        let ids: HashSet<Uuid> = parcels.map(|parcel| parcel.id).collect();
        let lines = self.lines.iter();
        lines
            .filter(|line| ids.contains(&line.parcel_id))
            .map(units)
            .collect()
    }

    /// The units in one parcel.
    pub(crate) fn in_parcel(&self, parcel: Uuid) -> Vec<Units> {
        let lines = self.lines.iter().filter(|line| line.parcel_id == parcel);
        lines.map(units).collect()
    }

    /// The part of the order's payment for these units, with the shipping.
    pub(crate) fn amount_of(&self, order: &order::Model, sent: &[Units]) -> i64 {
        self.amount_with(order, order.shipping_amount, sent)
    }

    fn amount_with(&self, order: &order::Model, shipping: i64, sent: &[Units]) -> i64 {
        let lines = self.items.iter().map(|item| SentLine {
            ordered: item.quantity.into(),
            sent: parcel_content::total(sent, item.id).into(),
            unit_price: item.unit_price_amount,
            tax: item.tax_amount,
        });
        let lines: Vec<_> = lines.collect();
        capture::amount_of_sent(order.charged_amount(), shipping, &lines)
    }

    /// When the last registered parcel arrived, if nothing more will: everything that was ordered has arrived, or came
    /// back and is refunded.
    pub(crate) fn arrived_at(&self, order: &order::Model) -> Option<DateTime<Utc>> {
        let left = parcel_content::left(&self.ordered, &self.sent());
        let came_back = self.units_in(is_back);
        let price = self.amount_with(order, 0, &left);
        let is_complete =
            left.is_empty() || parcel_content::is_refunded(&left, &came_back, price, self.refunded);
        let kept = self.parcels.iter().filter(|parcel| !is_back(parcel));
        let delivered: Vec<_> = kept.map(|parcel| parcel.delivered_at).collect();
        fulfillment::delivered_at(is_complete, &delivered)
    }
}

/// Whether a parcel came back to the warehouse.
fn is_back(parcel: &order_parcel::Model) -> bool {
    parcel.returned_at.is_some()
}

/// What support refunded or is refunding of an order.
async fn refunded(transaction: &DatabaseTransaction, order: Uuid) -> Result<i64, DbErr> {
    let refunds = order_refund::of_orders(transaction, &[order]).await?;
    Ok(order_refund::total(refunds.values().flatten()))
}

fn units(line: &order_parcel_line::Model) -> Units {
    Units {
        item: line.order_item_id,
        quantity: line.quantity,
    }
}
