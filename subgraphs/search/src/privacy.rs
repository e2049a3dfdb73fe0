//! What is stored of customers here: exported and erased.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::search::customer_preference::{self, PreferenceMode};
use entities::search::{search_exposure, signal};
use platform::database::{DatabaseTransaction, ReadTransaction};
use platform::inbox::ConsumerGroup;
use resolvers::erasure::{self, Erased, Eraser};
use resolvers::export::{Export, ExportError, PAGE};
use resolvers::id::IdKind;
use sea_orm::DbErr;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::rules::product_vector::ProductVector;

pub(crate) const CUSTOMERS: ConsumerGroup = ConsumerGroup {
    name: "search.customers",
    topics: &[erasure::TOPIC],
};

/// Deletes signals and preferences. Searches stay in the totals of the experiment, under a random id.
#[derive(Clone, Copy, Debug)]
pub struct EraseSearch;

#[async_trait]
impl Eraser for EraseSearch {
    async fn erase(
        &self,
        transaction: &DatabaseTransaction,
        customer: Uuid,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Erased, DbErr> {
        let mut erased = Erased::default();
        if let Some(known) = customer_preference::by_customer(transaction, customer).await? {
            // They may have come back, and opted out.
            let opted_out = known.opted_out && known.changed_at > until;
            // The row shows other processes that what they have cached is gone. It is deleted within days.
            customer_preference::set_opted_out(transaction, customer, opted_out, now).await?;
            erased.count("customer_preferences", u64::from(!known.is_unknown()));
        }
        let signals = signal::delete_customer_until(transaction, customer, until).await?;
        erased.count("signals", signals);
        let replacement = Uuid::new_v4();
        let searches = search_exposure::forget_customer(transaction, customer, replacement).await?;
        erased.count("search_exposures", searches);
        Ok(erased)
    }
}

/// Writes everything that is stored of the customer.
///
/// # Errors
/// A database that cannot be read, or an output that cannot be written.
pub async fn export(
    db: &ReadTransaction,
    customer: Uuid,
    export: &mut Export<'_>,
) -> Result<(), ExportError> {
    if let Some(row) = customer_preference::by_customer(db, customer).await? {
        export.row("preferences", &preference_row(&row))?;
    }
    let mut after = None;
    loop {
        let page = signal::of_customer(db, customer, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.occurred_at, last.id));
        for row in &page {
            export.row("signals", &signal_row(row))?;
        }
    }
    let mut after = None;
    loop {
        let page = search_exposure::of_customer(db, customer, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.query_id);
        for row in &page {
            export.row("searches", &search_row(row))?;
        }
    }
}

fn preference_row(row: &customer_preference::Model) -> Value {
    let vector = |mode: PreferenceMode, bytes: &Option<Vec<u8>>| {
        json!({
            "mode": mode,
            "vector": bytes.as_deref().and_then(ProductVector::from_bytes).map(|vector| vector.values().to_vec()),
        })
    };
    json!({
        "optedOut": row.opted_out,
        "signals": row.signals,
        "categories": row.interests.categories,
        "brands": row.interests.brands,
        "current": vector(row.mode, &row.vector),
        "earlier": vector(row.earlier_mode, &row.earlier_vector),
        "changedAt": row.changed_at,
    })
}

fn signal_row(row: &signal::Model) -> Value {
    json!({
        "kind": row.kind,
        "productId": IdKind::Product.format(row.product_id),
        "queryId": row.query_id,
        "position": row.position,
        "orderId": row.order_id.map(|id| IdKind::Order.format(id)),
        "occurredAt": row.occurred_at,
    })
}

fn search_row(row: &search_exposure::Model) -> Value {
    json!({
        "queryId": row.query_id,
        "variant": row.variant,
        "mode": row.mode,
        "searchedAt": row.exposed_at,
        "clickedAt": row.clicked_at,
        "cartedAt": row.carted_at,
        "convertedAt": row.converted_at,
    })
}
