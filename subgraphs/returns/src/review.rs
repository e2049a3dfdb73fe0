//! The queue of returns that wait for a person.

use chrono::{DateTime, TimeDelta, Utc};
pub(crate) use entities::returns::return_review::ReviewReason;
use entities::returns::{return_review, unvoided_label};
use metrics::{counter, gauge};
use platform::database::DatabaseTransaction;
use platform::outbox::{self, NewEvent};
use resolvers::id::IdKind;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::State;
use crate::events::{self, ReviewOverdue};
use crate::rules::review;

/// A return that waits longer than this is reported, and again after as long.
const PATIENCE: TimeDelta = TimeDelta::days(1);

/// The most returns reported at once; the next sweep reports the others.
const REPORTED: u64 = 200;

/// Puts a return that the transaction has locked into the queue. One that waits already keeps its place.
pub(crate) async fn open(
    transaction: &DatabaseTransaction,
    return_id: Uuid,
    reason: ReviewReason,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let known = return_review::of_return(transaction, return_id).await?;
    let open = known.filter(|known| known.closed_at.is_none());
    let review = match open {
        Some(open) if !review::outweighs(reason, open.reason) => return Ok(()),
        // The label waits behind the return itself.
        Some(open) if reason == open.reason || open.reason != ReviewReason::LabelNotVoided => {
            return_review::Model { reason, ..open }
        }
        _ => return_review::Model {
            return_id,
            reason,
            since: now,
            closed_at: None,
            reminded_at: None,
        },
    };
    counter!("vantage_returns_reviews_total", "reason" => reason.as_str()).increment(1);
    return_review::write(transaction, review).await
}

/// Takes a return out of the queue, because a person decided or it went on by itself. If it has a label that could not be
/// voided, it waits for that: nobody else would recover its price.
pub(crate) async fn close(
    transaction: &DatabaseTransaction,
    return_id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let known = return_review::of_return(transaction, return_id).await?;
    let Some(open) = known.filter(|known| known.closed_at.is_none()) else {
        return Ok(());
    };
    let Some(label) = unvoided_label::oldest(transaction, return_id).await? else {
        return return_review::close(transaction, return_id, now).await;
    };
    if open.reason == ReviewReason::LabelNotVoided {
        return Ok(());
    }
    let review = return_review::Model {
        return_id,
        reason: ReviewReason::LabelNotVoided,
        since: label.since,
        closed_at: None,
        reminded_at: None,
    };
    return_review::write(transaction, review).await
}

/// Settles a label that was voided after all, or that is needed again; if the return waits for nothing else, it leaves the
/// queue.
pub(crate) async fn settle_label(
    transaction: &DatabaseTransaction,
    return_id: Uuid,
    shipment_id: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    unvoided_label::settle(transaction, return_id, shipment_id, now).await?;
    if is_open(transaction, return_id, ReviewReason::LabelNotVoided).await? {
        close(transaction, return_id, now).await?;
    }
    Ok(())
}

/// Whether the return waits for a person for this reason.
pub(crate) async fn is_open(
    transaction: &DatabaseTransaction,
    return_id: Uuid,
    reason: ReviewReason,
) -> Result<bool, DbErr> {
    let known = return_review::of_return(transaction, return_id).await?;
    Ok(known.is_some_and(|known| known.closed_at.is_none() && known.reason == reason))
}

/// Reports returns that wait for too long, and how many wait. Returns how many were reported.
pub(crate) async fn remind(state: &State, now: DateTime<Utc>) -> Result<u64, DbErr> {
    let (waiting, oldest) = return_review::waiting(state.database.read()).await?;
    let age = oldest.map_or(TimeDelta::zero(), |since| now - since);
    gauge!("vantage_returns_reviews_waiting")
        .set(f64::from(u32::try_from(waiting).unwrap_or(u32::MAX)));
    gauge!("vantage_returns_oldest_review_seconds").set(f64::from(
        u32::try_from(age.num_seconds()).unwrap_or_default(),
    ));

    let transaction = state.database.begin().await?;
    let overdue = return_review::overdue(&transaction, now - PATIENCE, REPORTED).await?;
    let mut reported = 0;
    for review in &overdue {
        let id = review.return_id;
        // Another instance may be doing the same.
        if !return_review::report(&transaction, id, now - PATIENCE, now).await? {
            continue;
        }
        reported += 1;
        let return_id = IdKind::Return.format(review.return_id);
        let reason = review.reason.as_str();
        tracing::info!(return_id, reason, since = %review.since, "return waits for support");
        let event = NewEvent {
            topic: events::TOPIC,
            event_type: events::REVIEW_OVERDUE,
            aggregate_id: &return_id,
            data: ReviewOverdue {
                version: 1,
                return_id: return_id.clone(),
                reason,
                since: review.since,
            },
        };
        outbox::append(&transaction, event, now).await?;
    }
    transaction.commit().await?;
    Ok(reported)
}
