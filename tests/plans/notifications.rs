//! Finders of the notifications domain.

use chrono::Utc;
use entities::notifications::deal_queue::DealState;
use entities::notifications::notification::{DeliveryStatus, Filter, Listed, Model, Sent};
use entities::notifications::{
    customer_settings, customer_state, deal_queue, device_token, erased_customer,
    legacy_preference, notification, notification_position, preference, topic_membership,
};
use sea_orm::prelude::Json;
use uuid::Uuid;

use super::planner::Planner;
use super::{ids, long_ago};

pub(crate) async fn wrong(db: &Planner) -> Vec<String> {
    let ([id, ..], now) = (ids(), Utc::now());
    let tokens = ["token".to_owned(), "other".to_owned()];
    let change = topic_membership::TopicChange {
        topic: "topic".to_owned(),
        subscribed: false,
    };
    let claim = topic_membership::Claim { by: id, until: now };
    let push = preference::NotificationChannel::Push;
    let range = legacy_preference::Range {
        after: Some(id),
        last: id,
    };
    let orders = preference::NotificationCategory::Orders;
    let row = Model::new(id, push, orders, now);
    let failed = DeliveryStatus::Failed;
    let unread = Filter::unread();
    let failed_ones = Filter {
        statuses: vec![failed],
        ..Filter::default()
    };
    let sent = Sent {
        title: "title",
        body: "body",
        provider: "fcm",
        provider_id: None,
        reason: None,
        position: 1,
        at: now,
    };
    let listed = |status, customer: Option<Uuid>, order: Option<Uuid>| Listed {
        status,
        customer,
        order,
    };
    wrong_plans!(
        db,
        "notification::of_orders": notification::of_orders(db, id, &ids()),
        "notification::page": notification::page(db, id, &Default::default(), Some(id), 20),
        "notification::count": notification::count(db, id, &Default::default()),
        "notification::of_events": notification::of_events(db, &ids(), &ids(), push),
        "deal_queue::due": deal_queue::due(db, 0, now, 10),
        "deal_queue::by_ids": deal_queue::by_ids(db, &ids()),
        "deal_queue::waiting_of_customer": deal_queue::waiting_of_customer(db, id, Some(id), 100),
        "deal_queue::has_waiting": deal_queue::has_waiting(db, id),
        "deal_queue::due_of_customer": deal_queue::due_of_customer(db, id, now, 100),
        "deal_queue::waiting_after": deal_queue::waiting_after(db, Some(id), 500),
        "deal_queue::take_back": deal_queue::take_back(db, now, now),
        "deal_queue::delete_settled": deal_queue::delete_settled(db, None),
        "deal_queue::count": deal_queue::count(db, now),
        "deal_queue::delete_of_customer": deal_queue::delete_of_customer(db, id),
        "device_token::of_customer": device_token::of_customer(db, id),
        "device_token::owners": device_token::owners(db, &ids()),
        "device_token::count": device_token::count(db, id),
        "device_token::delete": device_token::delete(db, id, "token"),
        "device_token::customers_without_topics": device_token::customers_without_topics(db, 100),
        "device_token::delete_tokens": device_token::delete_tokens(db, &tokens),
        "topic_membership::of_tokens": topic_membership::of_tokens(db, &tokens),
        "topic_membership::pending_of_customer": topic_membership::pending_of_customer(db, id),
        "topic_membership::count_pending": topic_membership::count_pending(db),
        "topic_membership::next_due": topic_membership::next_due(db, None, now),
        "topic_membership::next_due of a customer": topic_membership::next_due(db, Some(id), now),
        "topic_membership::claim": topic_membership::claim(db, &change, Some(id), 1_000, claim, now),
        "topic_membership::finish": topic_membership::finish(db, &change, &tokens, claim),
        "topic_membership::leave_all": topic_membership::leave_all(db, &tokens, now),
        "legacy_preference::next_range": legacy_preference::next_range(db, Some(id), 10_000),
        "legacy_preference::known": legacy_preference::known(db, &ids()),
        "legacy_preference::count_in": legacy_preference::count_in(db, range),
        "legacy_preference::clear": legacy_preference::clear(db, range),
        "legacy_preference::reset_topics": legacy_preference::reset_topics(db, range),
        "preference::of_customers": preference::of_customers(db, &ids()),
        "customer_settings::of_customers": customer_settings::of_customers(db, &ids()),
        "customer_state::of_customers": customer_state::of_customers(db, &ids()),
        "notification::by_ids": notification::by_ids(db, &ids()),
        "notification::by_id": notification::by_id(db, id),
        "notification::page of unread ones": notification::page(db, id, &unread, None, 20),
        "notification::page of failed ones": notification::page(db, id, &failed_ones, None, 20),
        "notification::count of failed ones": notification::count(db, id, &failed_ones),
        "notification::count of unread ones": notification::count(db, id, &unread),
        "notification::sent_after": notification::sent_after(db, id, 7, 20),
        "notification::insert": notification::insert(db, row.clone()),
        "notification::schedule": notification::schedule(db, id, now),
        "notification::schedule_all": notification::schedule_all(db, &ids(), now),
        "notification::begin_attempt": notification::begin_attempt(db, id, now),
        "notification::set_accepted_devices": notification::set_accepted_devices(db, id, "fcm", Json::Null),
        "notification::set_sent": notification::set_sent(db, id, &sent),
        "notification::set_not_sent": notification::set_not_sent(db, id, failed, "reason"),
        "notification::requeue": notification::requeue(db, None, now, 500),
        "notification::requeue of some": notification::requeue(db, Some(&ids()), now, 500),
        "notification::list": notification::list(db, &Listed::default(), 100),
        "notification::list of a status": notification::list(db, &listed(Some(failed), None, None), 100),
        "notification::list of a customer": notification::list(db, &listed(None, Some(id), None), 100),
        "notification::list of an order": notification::list(db, &listed(None, None, Some(id)), 100),
        "notification::count_dead_letters": notification::count_dead_letters(db),
        "notification::set_read": notification::set_read(db, id, &ids(), now),
        "notification::delete_texts": notification::delete_texts(db, long_ago(), now, 1_000),
        "notification::erase_customer": notification::erase_customer(db, id, now),
        "notification::erase_open": notification::erase_open(db, id, now),
        "notification::set_sent_of_erased": notification::set_sent_of_erased(db, id, "fcm", None, now),
        "notification::recipient": notification::recipient(db, id, "token"),
        "erased_customer::insert": erased_customer::insert(db, id, now),
        "erased_customer::exists": erased_customer::exists(db, id),
        "erased_customer::of_customers": erased_customer::of_customers(db, &ids()),
        "erased_customer::delete": erased_customer::delete(db, id),
        "notification_position::next": notification_position::next(db, id),
        "notification_position::last": notification_position::last(db, id),
        "deal_queue::set_states": deal_queue::set_states(db, &ids(), DealState::Waiting, DealState::Released),
        "deal_queue::wait_until": deal_queue::wait_until(db, &ids(), DealState::Waiting, now),
        "deal_queue::begin_round": deal_queue::begin_round(db, &ids(), now),
        "deal_queue::delete": deal_queue::delete(db, &ids()),
        "deal_queue::delete_settled of some": deal_queue::delete_settled(db, Some(&ids())),
        "device_token::delete_of_customer": device_token::delete_of_customer(db, id, now),
        "device_token::topics_are_set": device_token::topics_are_set(db, id, now),
        "topic_membership::set_customer": topic_membership::set_customer(db, "token", id),
        "topic_membership::fail": topic_membership::fail(db, &change, &tokens, claim, "INTERNAL", Some(now)),
        "topic_membership::delete_tokens": topic_membership::delete_tokens(db, &tokens),
        "preference::delete_of_customer": preference::delete_of_customer(db, id, now),
        "customer_settings::lock": customer_settings::lock(db, id, "UTC"),
        "customer_settings::delete": customer_settings::delete(db, id, now),
        "legacy_preference::find": legacy_preference::find(db, id),
        "legacy_preference::delete": legacy_preference::delete(db, id),
        "device_token::forget_oldest": device_token::forget_oldest(db, id, 20),
        "deal_queue::set_state": deal_queue::set_state(db, id, DealState::Waiting, DealState::Released),
    )
}
