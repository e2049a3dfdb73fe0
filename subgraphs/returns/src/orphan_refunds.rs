//! Finds refunds that the provider made for a return that does not know them. A person has to look at these.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use entities::returns::customer_return;
use platform::providers::stripe::{Refund, RefundStatus};
use resolvers::id::IdKind;
use uuid::Uuid;

use crate::State;
use crate::rules::status::ReturnStatus;
use crate::tasks::TaskError;

/// How far back refunds are checked, by hourly sweeps.
const WINDOW: TimeDelta = TimeDelta::hours(48);

/// Reports each orphan and returns how many there are; zero without a provider.
pub(crate) async fn report(state: &State, now: DateTime<Utc>) -> Result<u64, TaskError> {
    let Some(stripe) = &state.stripe else {
        return Ok(0);
    };
    let mut orphans = 0;
    let mut last: Option<String> = None;
    loop {
        let page = stripe.refunds_since(now - WINDOW, last.as_deref()).await?;
        orphans += report_page(state, &page.data).await?;
        last = page.data.last().map(|refund| refund.id.clone());
        if !page.has_more || last.is_none() {
            return Ok(orphans);
        }
    }
}

async fn report_page(state: &State, refunds: &[Refund]) -> Result<u64, TaskError> {
    let made: Vec<_> = refunds.iter().filter_map(of_return).collect();
    let ids: Vec<_> = made.iter().map(|(id, _)| *id).collect();
    let rows = customer_return::by_ids(state.database.read(), &ids).await?;
    let mut orphans = 0;
    for (id, refund) in made {
        if !is_known(&rows, id, refund) {
            orphans += 1;
            metrics::counter!("vantage_returns_alerts_total", "alert" => "orphan_refund")
                .increment(1);
            tracing::error!(
                return_id = IdKind::Return.format(id),
                refund = refund.id,
                "the payment provider made a refund that its return does not know"
            );
        }
    }
    Ok(orphans)
}

/// The return that a refund was made for, if any, unless the refund failed.
fn of_return(refund: &Refund) -> Option<(Uuid, &Refund)> {
    if matches!(refund.status, RefundStatus::Failed | RefundStatus::Canceled) {
        return None;
    }
    let reference = refund.metadata.get("reference")?;
    Some((IdKind::Return.parse(reference)?, refund))
}

fn is_known(rows: &HashMap<Uuid, customer_return::Model>, id: Uuid, refund: &Refund) -> bool {
    let Some(row) = rows.get(&id) else {
        return false;
    };
    match &row.refund_provider_id {
        Some(known) => *known == refund.id,
        // The refund task is running and will find this one.
        None => row.status == ReturnStatus::CarrierScanned,
    }
}
