//! Finders of the tables that every domain has.

use chrono::{Duration, Utc};
use platform::tables::{
    customer_erasure, idempotency_key, inbox_delivery, inbox_event, outbox_event, outbox_sequence,
    task,
};

use super::planner::Planner;
use super::{ids, long_ago};

pub(crate) async fn wrong(db: &Planner) -> Vec<String> {
    let now = Utc::now();
    wrong_plans!(
        db,
        "outbox_event::is_any_due": outbox_event::is_any_due(db, now),
        "outbox_event::next_due": outbox_event::next_due(db),
        "outbox_event::backlog": outbox_event::backlog(db),
        "outbox_event::count_dead": outbox_event::count_dead(db),
        "outbox_event::dead": outbox_event::dead(db, 20),
        "outbox_event::failing": outbox_event::failing(db, 20),
        "outbox_event::mark_confirmed": outbox_event::mark_confirmed(db, &ids(), now),
        "outbox_event::count_unconfirmed": outbox_event::count_unconfirmed(db),
        "outbox_event::unconfirmed_topics": outbox_event::unconfirmed_topics(db),
        "outbox_event::republish_lost": outbox_event::republish_lost(db, "t", &[("log", Some("1"))], now),
        "outbox_event::confirm": outbox_event::confirm(db, "t", &[("log", Some("1"))], now),
        "outbox_event::sweep_unconfirmed": outbox_event::sweep_unconfirmed(db, now, 100),
        "outbox_event::sweep": outbox_event::sweep(db, long_ago(), 100),
        "outbox_event::positions": outbox_event::positions(db, "t", &["a".to_owned()], None, 1_000),
        "outbox_event::undelivered": outbox_event::undelivered(db, "t", &["a".to_owned()]),
        "inbox_delivery::waiting_of": inbox_delivery::waiting_of(db, "c", "t", &["a".to_owned()]),
        "outbox_sequence::after": outbox_sequence::after(db, None, 200),
        "idempotency_key::after": idempotency_key::after(db, None, 200),
        "customer_erasure::begin": customer_erasure::begin(db, ids()[0], now),
        "customer_erasure::finish": customer_erasure::finish(db, ids()[0], now, now),
        "customer_erasure::find": customer_erasure::find(db, ids()[0]),
        "customer_erasure::lock": customer_erasure::lock(db, ids()[0]),
        "customer_erasure::of_customers": customer_erasure::of_customers(db, &ids()),
        "customer_erasure::unfinished": customer_erasure::unfinished(db, None, 100),
        "task::find": task::find(db, "refund", ids()[0]),
        "task::due": task::due(db, &["refund", "void"], now, Duration::seconds(4), 20),
        "task::next_due": task::next_due(db, &["refund", "void"]),
        "task::list": task::list(db, true, 20),
        "inbox_delivery::is_any_due": inbox_delivery::is_any_due(db, "orders", now),
        "inbox_delivery::next_due": inbox_delivery::next_due(db, "orders"),
        "inbox_delivery::count_waiting": inbox_delivery::count_waiting(db, "orders"),
        "inbox_delivery::count_dead": inbox_delivery::count_dead(db, "orders"),
        "inbox_event::sweep": inbox_event::sweep(db, long_ago(), 100),
        "idempotency_key::sweep": idempotency_key::sweep(db, long_ago(), 100),
        "outbox_event::claim": outbox_event::claim(db, now, now, 100),
        "outbox_event::release": outbox_event::release(db, ids(), now),
        "outbox_event::postpone": outbox_event::postpone(db, &ids(), now, "error"),
        "outbox_event::requeue": outbox_event::requeue(db, None, now),
        "outbox_event::requeue of some": outbox_event::requeue(db, Some(&ids()), now),
        "inbox_delivery::lock_next": inbox_delivery::lock_next(db, "orders", now),
        "inbox_delivery::dead": inbox_delivery::dead(db, 20),
        "inbox_delivery::failing": inbox_delivery::failing(db, 20),
        "inbox_delivery::requeue": inbox_delivery::requeue(db, None, now),
        "inbox_delivery::requeue of some": inbox_delivery::requeue(db, Some(&ids()), now),
        "outbox_sequence::last_of": outbox_sequence::last_of(db, "t", &["a".to_owned()]),
    )
}
