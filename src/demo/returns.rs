//! Demo returns: some delivered orders have one, at every stage.

use chrono::{DateTime, Duration, Utc};
use entities::orders::order::OrderStatus;
use rand::RngExt;
use rand::seq::IndexedRandom;
use returns::ItemCondition;
use returns::rules::status::ReturnStatus;
use uuid::Uuid;

use super::orders::{DEMO_ORDERS, Line, Order, RETURN_COMPLETED, RETURN_UNDER_WAY};
use super::{Plan, Stream};

pub(super) struct Return<'a> {
    pub(super) id: Uuid,
    pub(super) item_id: Uuid,
    pub(super) line: &'a Line,
    pub(super) status: ReturnStatus,
    pub(super) reason: &'static str,
    pub(super) condition: ItemCondition,
    /// Whether the seller is at fault, so that shipping is refunded.
    pub(super) our_fault: bool,
    pub(super) created_at: DateTime<Utc>,
    pub(super) label: Option<Label>,
    /// The timeline, oldest first.
    pub(super) events: Vec<(ReturnStatus, DateTime<Utc>)>,
}

pub(super) struct Label {
    pub(super) tracking_number: String,
    pub(super) generated_at: DateTime<Utc>,
    /// In US cents.
    pub(super) cost: i64,
}

/// Reasons with a matching condition, and whether the seller is at fault.
const REASONS: [(&str, ItemCondition, bool); 6] = [
    ("defective_on_arrival", ItemCondition::Defective, true),
    ("changed_mind", ItemCondition::OpenedUnused, false),
    ("wrong_size", ItemCondition::Unopened, false),
    ("damaged_in_transit", ItemCondition::Damaged, true),
    ("does_not_fit_style", ItemCondition::Unopened, false),
    ("wrong_item_shipped", ItemCondition::Unopened, true),
];

/// The stages of a return, with the events leading there.
const STAGES: [(ReturnStatus, &[ReturnStatus]); 6] = [
    (ReturnStatus::Initiated, &[ReturnStatus::Initiated]),
    (
        ReturnStatus::LabelGenerated,
        &[ReturnStatus::Initiated, ReturnStatus::LabelGenerated],
    ),
    (
        ReturnStatus::RefundIssued,
        &[
            ReturnStatus::Initiated,
            ReturnStatus::LabelGenerated,
            ReturnStatus::CarrierScanned,
            ReturnStatus::RefundIssued,
        ],
    ),
    (
        ReturnStatus::Completed,
        &[
            ReturnStatus::Initiated,
            ReturnStatus::LabelGenerated,
            ReturnStatus::CarrierScanned,
            ReturnStatus::RefundIssued,
            ReturnStatus::Completed,
        ],
    ),
    (
        ReturnStatus::Cancelled,
        &[ReturnStatus::Initiated, ReturnStatus::Cancelled],
    ),
    (
        ReturnStatus::ManualReview,
        &[
            ReturnStatus::Initiated,
            ReturnStatus::LabelGenerated,
            ReturnStatus::ManualReview,
        ],
    ),
];

impl Plan {
    /// The return of an order, if it has one: one unit of its first returnable line.
    pub(super) fn return_of<'a>(&self, order: &'a Order) -> Option<Return<'a>> {
        let mut random = self.random(Stream::Return, order.index.into());
        let stage = match order.index {
            RETURN_UNDER_WAY => 1,
            RETURN_COMPLETED => 3,
            0..DEMO_ORDERS => return None,
            _ if order.status != OrderStatus::Delivered || !random.random_bool(0.08) => {
                return None;
            }
            _ => random.random_range(0..STAGES.len()),
        };
        let line = order
            .lines
            .iter()
            .find(|line| line.product.restriction.is_none())?;
        let &(reason, condition, our_fault) = match order.index {
            RETURN_UNDER_WAY => &REASONS[0],
            RETURN_COMPLETED => &REASONS[1],
            _ => REASONS.choose(&mut random)?,
        };
        let (status, steps) = STAGES[stage];
        let delivered_at = order.delivered_at?;
        // An open return is recent: its deadline is still ahead.
        let created_at = match status {
            ReturnStatus::Initiated | ReturnStatus::LabelGenerated => {
                (self.now - Duration::hours(20)).max(delivered_at)
            }
            _ => delivered_at + Duration::hours(random.random_range(10..60)),
        };
        let events: Vec<_> = steps
            .iter()
            .zip(0_i32..)
            .map(|(&step, position)| (step, created_at + Duration::hours(5) * position))
            .collect();
        let generated_at = events
            .iter()
            .find(|(step, _)| *step == ReturnStatus::LabelGenerated)
            .map(|(_, at)| *at);
        Some(Return {
            id: self.id(Stream::Return, u64::from(order.index) * 2),
            item_id: self.id(Stream::Return, u64::from(order.index) * 2 + 1),
            line,
            status,
            reason,
            condition,
            our_fault,
            created_at,
            label: generated_at.map(|generated_at| Label {
                tracking_number: format!(
                    "9205590036297{:013}",
                    random.random_range(0..10_u64.pow(13))
                ),
                generated_at,
                cost: random.random_range(600..1_200),
            }),
            events,
        })
    }
}
