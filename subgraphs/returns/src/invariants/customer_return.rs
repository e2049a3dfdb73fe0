//! Returns, each with all that belongs to it.

use entities::returns::{
    customer_return, refund_supplement, return_decision, return_event, return_item, return_review,
    store_credit,
};
use platform::database::ReadTransaction;
use platform::invariants::timeline::{Published, published};
use platform::invariants::{Inspection, PAGE, Rows, Violation};
use resolvers::id::IdKind;
use sea_orm::DbErr;
use uuid::Uuid;

use super::{of, refund, reviews, timeline};
use crate::events;

/// A return with all that belongs to it.
pub(super) struct ReturnData {
    pub(super) id: String,
    pub(super) row: customer_return::Model,
    pub(super) items: Vec<return_item::Model>,
    pub(super) events: Vec<return_event::Model>,
    pub(super) published: Published,
    pub(super) review: Option<return_review::Model>,
    pub(super) decisions: Vec<return_decision::Model>,
    pub(super) supplement: Option<refund_supplement::Model>,
    pub(super) credit: Option<store_credit::Model>,
}

pub(super) async fn check(inspection: &mut Inspection<'_>) -> Result<(), DbErr> {
    let rows = Rows {
        name: "returns",
        id: |id: &Uuid| IdKind::Return.format(*id),
    };
    inspection
        .walk(
            rows,
            async |db, after| customer_return::ids_after(db, after, PAGE).await,
            async |db, ids: &[Uuid]| {
                let returns = load(db, ids).await?;
                Ok(returns.iter().flat_map(violations).collect())
            },
        )
        .await
}

fn violations(of: &ReturnData) -> Vec<Violation> {
    let mut found = refund::check(of);
    found.extend(timeline::check(of));
    found.extend(reviews::check(of));
    found
}

/// The returns with these ids that exist.
pub(super) async fn load(db: &ReadTransaction, ids: &[Uuid]) -> Result<Vec<ReturnData>, DbErr> {
    let mut rows = customer_return::by_ids(db, ids).await?;
    let mut items = return_item::of_returns(db, ids).await?;
    let mut events = return_event::of_returns(db, ids).await?;
    let mut reviews = return_review::of_returns(db, ids).await?;
    let mut decisions = return_decision::of_returns(db, ids).await?;
    let mut supplements = refund_supplement::of_returns(db, ids).await?;
    let mut credits = store_credit::of_returns(db, ids).await?;
    let names: Vec<String> = ids.iter().map(|id| IdKind::Return.format(*id)).collect();
    let mut published = published(db, events::TOPIC, &names).await?;
    let returns = ids.iter().zip(names).filter_map(|(&key, id)| {
        Some(ReturnData {
            row: rows.remove(&key)?,
            items: of(&mut items, key),
            events: of(&mut events, key),
            published: published.remove(&id).unwrap_or_default(),
            review: reviews.remove(&key),
            decisions: of(&mut decisions, key),
            supplement: supplements.remove(&key),
            credit: credits.remove(&key),
            id,
        })
    });
    Ok(returns.collect())
}
