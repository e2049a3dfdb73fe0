//! Schedules deals: a message in the delivery log for each customer, which waits in the queue for its time.

use std::collections::{HashMap, HashSet};
use std::ops::AddAssign;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use entities::insert_many;
use entities::notifications::deal_queue::{self, DealState};
use entities::notifications::notification::{self, DeliveryStatus};
use entities::notifications::preference::{NotificationCategory, NotificationChannel};
use entities::notifications::{customer_settings, preference};
use metrics::counter;
use sea_orm::{ConnectionTrait, DbErr};
use serde_json::json;
use uuid::Uuid;

use crate::message::{self, NewMessage, Schedule};
use crate::notification_preferences::{matrix, zone};
use crate::rules::deal::Priority;
use crate::rules::preference_matrix::Cell;
use crate::rules::quiet_hours::{Decision, Window, decide};
use crate::rules::send_decision::SuppressReason;

/// The template of deals.
const TEMPLATE: &str = "deal";
/// Deals are push messages.
pub(crate) const CHANNEL: NotificationChannel = NotificationChannel::Push;

/// The texts of a deal, shared by all who get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DealText {
    pub title: String,
    pub body: String,
    pub deep_link: Option<String>,
    pub image_url: Option<String>,
}

/// A deal for one customer.
#[derive(Clone, Debug)]
pub(crate) struct NewDeal {
    /// A customer gets one message of each.
    pub deal_id: Uuid,
    pub customer_id: Uuid,
    pub text: Arc<DealText>,
    pub window: Window,
    pub priority: Priority,
}

/// What became of deals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scheduled {
    pub scheduled: u64,
    /// Those of customers who do not want deals.
    pub suppressed: u64,
    /// Those that had been scheduled before.
    pub known: u64,
}

/// A customer's preference of deals now, and their time zone.
pub(crate) struct DealPreference {
    pub cell: Cell,
    pub zone: chrono_tz::Tz,
}

/// The preferences of these customers, in two statements.
pub(crate) async fn preferences(
    db: &impl ConnectionTrait,
    customers: &[Uuid],
) -> Result<HashMap<Uuid, DealPreference>, DbErr> {
    let cells = preference::of_customers(db, customers).await?;
    let settings = customer_settings::of_customers(db, customers).await?;
    let known = customers.iter().map(|customer| {
        let rows = cells.get(customer).map_or(&[][..], Vec::as_slice);
        let cell = *matrix(rows).cell(CHANNEL, NotificationCategory::Deals);
        let zone = zone(settings.get(customer));
        (*customer, DealPreference { cell, zone })
    });
    Ok(known.collect())
}

/// Schedules deals, in a number of statements that hardly depends on how many they are. A customer's are sent in this
/// order.
pub(crate) async fn schedule(
    transaction: &impl ConnectionTrait,
    deals: Vec<NewDeal>,
    now: DateTime<Utc>,
) -> Result<Scheduled, DbErr> {
    let customers: HashSet<Uuid> = deals.iter().map(|deal| deal.customer_id).collect();
    let customers: Vec<Uuid> = customers.into_iter().collect();
    let preferences = preferences(transaction, &customers).await?;
    let ids: HashSet<Uuid> = deals.iter().map(|deal| deal.deal_id).collect();
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let mut known = notification::of_events(transaction, &ids, &customers, CHANNEL).await?;
    let (mut messages, mut queue) = (Vec::with_capacity(deals.len()), Vec::new());
    let mut scheduled = Scheduled::default();
    for deal in deals {
        if !known.insert((deal.deal_id, deal.customer_id)) {
            scheduled.known += 1;
            continue;
        }
        let preference = &preferences[&deal.customer_id];
        let quiet = preference.cell.quiet_hours;
        let due_at = match decide(now, deal.window, quiet, preference.zone) {
            Decision::WaitUntil(at) => at,
            // One whose window has just ended is dropped when it is due.
            Decision::Deliver | Decision::Expired => now,
        };
        let mut message = message(&deal, due_at, now);
        if preference.cell.enabled {
            queue.push(queue_row(&message, &deal, due_at));
            scheduled.scheduled += 1;
        } else {
            message.status = DeliveryStatus::Suppressed;
            message.reason = Some(SuppressReason::OptedOut.into_str().to_owned());
            scheduled.suppressed += 1;
        }
        messages.push(message);
    }
    insert_many::<notification::Entity>(transaction, messages).await?;
    insert_many::<deal_queue::Entity>(transaction, queue).await?;
    Ok(scheduled)
}

impl AddAssign for Scheduled {
    fn add_assign(&mut self, other: Self) {
        self.scheduled += other.scheduled;
        self.suppressed += other.suppressed;
        self.known += other.known;
    }
}

impl Scheduled {
    /// Counts what was committed.
    pub(crate) fn count(self) {
        for (outcome, count) in [
            ("scheduled", self.scheduled),
            ("opted_out", self.suppressed),
        ] {
            counter!("vantage_deals_total", "outcome" => outcome).increment(count);
        }
    }
}

fn message(deal: &NewDeal, at: DateTime<Utc>, now: DateTime<Utc>) -> notification::Model {
    let text = &deal.text;
    let new = NewMessage {
        event_id: deal.deal_id,
        customer_id: deal.customer_id,
        channel: CHANNEL,
        category: NotificationCategory::Deals,
        template: TEMPLATE,
        data: json!({
            "title": text.title,
            "body": text.body,
            "imageUrl": text.image_url,
        }),
        order_id: None,
        return_id: None,
        deep_link: text.deep_link.clone(),
        schedule: Schedule::Held {
            at,
            expires_at: deal.window.end,
        },
    };
    // The template of deals shows them as they are.
    message::row(new, text.title.clone(), text.body.clone(), now)
}

fn queue_row(
    message: &notification::Model,
    deal: &NewDeal,
    due_at: DateTime<Utc>,
) -> deal_queue::Model {
    deal_queue::Model {
        notification_id: message.id,
        customer_id: deal.customer_id,
        channel: CHANNEL,
        state: DealState::Waiting,
        priority: deal.priority.rank(),
        due_at,
        window_start: deal.window.start,
        window_end: deal.window.end,
        rounds: 0,
    }
}
