//! Schedules deals: a message in the delivery log for each customer, which waits in the queue for its time.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::ops::AddAssign;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use entities::insert_many;
use entities::notifications::deal_queue::{self, DealState};
use entities::notifications::notification::{self, DeliveryStatus};
use entities::notifications::preference::{NotificationCategory, NotificationChannel};
use entities::notifications::{
    customer_settings, device_token, erased_customer, legacy_preference, preference,
};
use metrics::counter;
use sea_orm::{ConnectionTrait, DbErr};
use serde_json::json;
use uuid::Uuid;

use crate::message::{self, NewMessage, Schedule};
use crate::notification_preferences::{matrix, zone};
use crate::rules::deal::{NotScheduled, Priority};
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
    /// Those of customers who do not want deals, or were erased.
    pub suppressed: u64,
    /// Those whose window lies within the customer's quiet hours of now.
    pub quiet_hours: u64,
    /// Those of customers of whom nothing is known.
    pub unknown_customer: u64,
    /// Those that had been scheduled before.
    pub known: u64,
}

/// What becomes of deals, before it is written.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub counts: Scheduled,
    /// The customers whose deals are not scheduled.
    pub not_scheduled: Vec<(NotScheduled, Uuid)>,
    messages: Vec<notification::Model>,
    queue: Vec<deal_queue::Model>,
}

/// A customer's preference of deals now, and their time zone.
pub(crate) struct DealPreference {
    pub cell: Cell,
    pub zone: chrono_tz::Tz,
    /// Whether the customer was erased, and gets none whatever the cell says.
    pub is_erased: bool,
    /// Whether the customer has settings or preferences; otherwise these are the defaults.
    is_stored: bool,
}

/// The preferences of these customers, in three statements.
pub(crate) async fn preferences(
    db: &impl ConnectionTrait,
    customers: &[Uuid],
) -> Result<HashMap<Uuid, DealPreference>, DbErr> {
    let cells = preference::of_customers(db, customers).await?;
    let settings = customer_settings::of_customers(db, customers).await?;
    let erased = erased_customer::of_customers(db, customers).await?;
    let known = customers.iter().map(|customer| {
        let rows = cells.get(customer).map_or(&[][..], Vec::as_slice);
        let settings = settings.get(customer);
        let preference = DealPreference {
            cell: *matrix(rows).cell(CHANNEL, NotificationCategory::Deals),
            zone: zone(settings),
            is_erased: erased.contains(customer),
            is_stored: settings.is_some() || !rows.is_empty(),
        };
        (*customer, preference)
    });
    Ok(known.collect())
}

/// Customers of whom nothing is known: no settings, no preferences here or in the former system, and no device. Whoever
/// registers a device or changes anything gets settings.
async fn unknown(
    db: &impl ConnectionTrait,
    preferences: &HashMap<Uuid, DealPreference>,
) -> Result<HashSet<Uuid>, DbErr> {
    let without = preferences
        .iter()
        .filter(|(_, known)| !known.is_stored && !known.is_erased);
    let without: Vec<Uuid> = without.map(|(customer, _)| *customer).collect();
    if without.is_empty() {
        return Ok(HashSet::new());
    }
    let owners = device_token::owners(db, &without).await?;
    let former = legacy_preference::known(db, &without).await?;
    let is_unknown = |customer: &Uuid| !owners.contains(customer) && !former.contains(customer);
    Ok(without.into_iter().filter(is_unknown).collect())
}

/// Schedules deals, in a number of statements that hardly depends on how many they are. A customer's are sent in this
/// order.
pub(crate) async fn schedule(
    transaction: &impl ConnectionTrait,
    deals: Vec<NewDeal>,
    now: DateTime<Utc>,
) -> Result<Plan, DbErr> {
    let mut plan = plan(transaction, deals, &mut HashSet::new(), now).await?;
    let (messages, queue) = (mem::take(&mut plan.messages), mem::take(&mut plan.queue));
    insert_many::<notification::Entity>(transaction, messages).await?;
    insert_many::<deal_queue::Entity>(transaction, queue).await?;
    Ok(plan)
}

/// What becomes of deals. `seen` are deals with their customers that count as scheduled before; these are added.
pub(crate) async fn plan(
    db: &impl ConnectionTrait,
    deals: Vec<NewDeal>,
    seen: &mut HashSet<(Uuid, Uuid)>,
    now: DateTime<Utc>,
) -> Result<Plan, DbErr> {
    let customers: HashSet<Uuid> = deals.iter().map(|deal| deal.customer_id).collect();
    let customers: Vec<Uuid> = customers.into_iter().collect();
    let preferences = preferences(db, &customers).await?;
    let unknown = unknown(db, &preferences).await?;
    let ids: HashSet<Uuid> = deals.iter().map(|deal| deal.deal_id).collect();
    let ids: Vec<Uuid> = ids.into_iter().collect();
    seen.extend(notification::of_events(db, &ids, &customers, CHANNEL).await?);
    let mut plan = Plan::default();
    for deal in deals {
        let customer = deal.customer_id;
        if unknown.contains(&customer) {
            // Nothing is kept of it: the customer may be known when it is scheduled again.
            plan.refuse(NotScheduled::UnknownCustomer, customer);
        } else if seen.insert((deal.deal_id, customer)) {
            plan.add(&deal, &preferences[&customer], now);
        } else {
            plan.counts.known += 1;
        }
    }
    Ok(plan)
}

impl Plan {
    /// Adds a deal's message, which waits in the queue if it can be sent.
    fn add(&mut self, deal: &NewDeal, preference: &DealPreference, now: DateTime<Utc>) {
        let quiet = preference.cell.quiet_hours;
        let due_at = match decide(now, deal.window, quiet, preference.zone) {
            Decision::WaitUntil(at) => at,
            // One whose window had ended was refused before.
            Decision::Deliver | Decision::Expired => now,
        };
        let mut message = message(deal, due_at, now);
        if preference.is_erased {
            self.messages.push(message.of_erased_customer(now));
            self.refuse(NotScheduled::OptedOut, deal.customer_id);
            return;
        }
        let refused = if !preference.cell.enabled {
            Some((NotScheduled::OptedOut, SuppressReason::OptedOut))
        } else if due_at >= deal.window.end {
            Some((NotScheduled::QuietHours, SuppressReason::QuietHours))
        } else {
            None
        };
        if let Some((why, reason)) = refused {
            message.status = DeliveryStatus::Suppressed;
            message.reason = Some(reason.into_str().to_owned());
            self.refuse(why, deal.customer_id);
        } else {
            self.queue.push(queue_row(&message, deal, due_at));
            self.counts.scheduled += 1;
        }
        self.messages.push(message);
    }

    fn refuse(&mut self, why: NotScheduled, customer: Uuid) {
        let count = match why {
            NotScheduled::OptedOut => &mut self.counts.suppressed,
            NotScheduled::QuietHours => &mut self.counts.quiet_hours,
            NotScheduled::UnknownCustomer => &mut self.counts.unknown_customer,
        };
        *count += 1;
        self.not_scheduled.push((why, customer));
    }
}

impl AddAssign for Scheduled {
    fn add_assign(&mut self, other: Self) {
        self.scheduled += other.scheduled;
        self.suppressed += other.suppressed;
        self.quiet_hours += other.quiet_hours;
        self.unknown_customer += other.unknown_customer;
        self.known += other.known;
    }
}

impl Scheduled {
    /// Counts what was committed.
    pub(crate) fn count(self) {
        for (outcome, count) in [
            ("scheduled", self.scheduled),
            ("opted_out", self.suppressed),
            ("quiet_hours", self.quiet_hours),
            ("unknown_customer", self.unknown_customer),
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
