//! An order's lines and the parcels that they were sent in, read under the order's lock.

use std::sync::Arc;

use entities::orders::{order, order_item, order_parcel, order_parcel_line};
use platform::database::DatabaseTransaction;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::rules::capture::{self, SentLine};
use crate::rules::parcel_content::{self, Units};

/// What was ordered, and what was sent of it.
#[derive(Clone, Debug)]
pub(crate) struct Parcels {
    pub ordered: Vec<Units>,
    pub parcels: Vec<order_parcel::Model>,
    items: Vec<Arc<order_item::Model>>,
    lines: Vec<order_parcel_line::Model>,
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
        })
    }

    /// The units in all parcels.
    pub(crate) fn sent(&self) -> Vec<Units> {
        self.lines.iter().map(units).collect()
    }

    /// The units in one parcel.
    pub(crate) fn in_parcel(&self, parcel: Uuid) -> Vec<Units> {
        let lines = self.lines.iter().filter(|line| line.parcel_id == parcel);
        lines.map(units).collect()
    }

    /// The part of the order's payment for these units.
    pub(crate) fn amount_of(&self, order: &order::Model, sent: &[Units]) -> i64 {
        let lines = self.items.iter().map(|item| SentLine {
            ordered: item.quantity.into(),
            sent: parcel_content::total(sent, item.id).into(),
            unit_price: item.unit_price_amount,
            tax: item.tax_amount,
        });
        let lines: Vec<_> = lines.collect();
        capture::amount_of_sent(order.charged_amount(), order.shipping_amount, &lines)
    }

    /// Whether everything that was ordered is in a parcel.
    pub(crate) fn is_sent_completely(&self) -> bool {
        parcel_content::left(&self.ordered, &self.sent()).is_empty()
    }
}

fn units(line: &order_parcel_line::Model) -> Units {
    Units {
        item: line.order_item_id,
        quantity: line.quantity,
    }
}
