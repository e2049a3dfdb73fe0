//! Query plans of each finder. SQLite has no statistics here, so plans depend only on the schema and not on the
//! shop's size. Finders must not scan large tables or use indexes with low selectivity.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

/// Runs the finders and returns the problems in their plans.
macro_rules! wrong_plans {
    ($planner:expr, $($finder:literal: $call:expr),+ $(,)?) => {{
        let mut wrong = Vec::new();
        $(
            // Only the plan matters, not the result.
            drop($call.await);
            wrong.extend($planner.wrong($finder));
        )+
        wrong
    }};
}

mod notifications;
mod planner;

use chrono::{Duration, Utc};
use entities::{orders, pricing, returns, search, tracking};
use platform::tables;
use uuid::Uuid;

use self::planner::Planner;

const NONE: [String; 0] = [];

fn ids() -> [Uuid; 3] {
    [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)]
}

#[tokio::test]
async fn parcels_are_found_by_what_narrows_the_search() {
    use tracking::shipment::{Carrier, TrackingStatus};
    use tracking::{change, event, shipment, shipment_line};
    let db = &Planner::over::<migrations::tracking::Migrator>().await;
    let ([id, ..], now) = (ids(), Utc::now());
    let due = shipment::Due {
        polled_before: now,
        created_after: now - Duration::days(60),
    };
    let wrong = wrong_plans!(
        db,
        "shipment::of_customer": shipment::of_customer(db, id, &ids()),
        "shipment::by_id": shipment::by_id(db, id),
        "shipment::of_orders": shipment::of_orders(db, id, &ids()),
        "shipment::of_order": shipment::of_order(db, id),
        "shipment::of_returns": shipment::of_returns(db, id, &ids()),
        "shipment::lock_journey": shipment::lock_journey(db, id, None),
        "shipment::lock_journey of a return": shipment::lock_journey(db, id, Some(id)),
        "shipment::of_orders_in": shipment::of_orders_in(db, &ids(), &[TrackingStatus::InTransit, TrackingStatus::Exception]),
        "shipment::by_number": shipment::by_number(db, Carrier::Dhl, "1"),
        "shipment::mark_registered": shipment::mark_registered(db, id, now),
        "shipment_line::of_shipments": shipment_line::of_shipments(db, &ids()),
        "shipment::due": shipment::due(db, Carrier::Dhl, due, None, 20),
        "shipment::due of orders": shipment::due(db, Carrier::Dhl, due, Some(&ids()), 20),
        "shipment::claim": shipment::claim(db, &ids(), due, now),
        "shipment::answered": shipment::answered(db, id, now),
        "shipment::record_failure": shipment::record_failure(db, id),
        "event::of_shipments": event::of_shipments(db, &ids()),
        "change::after": change::after(db, id, 1, 20),
        "change::sweep": change::sweep(db, now, 100),
        "shipment::page_of_customer": shipment::page_of_customer(db, id, Some(id), 100),
        "shipment::delete_places": shipment::delete_places(db, &ids()),
        "event::delete_places": event::delete_places(db, &ids()),
        "change::delete_of_journeys": change::delete_of_journeys(db, &ids()),
    );
    assert_eq!(wrong, NONE, "{wrong:#?}");
}

#[tokio::test]
async fn orders_are_found_by_what_narrows_the_search() {
    use orders::stock_movement::MovementKind;
    use orders::{
        customer, order, order_decision, order_event, order_item, order_parcel, order_parcel_line,
        order_payment, order_refund, order_review, payment_method, stock_level, stock_movement,
        store_credit_balance, store_credit_entry,
    };
    let waiting = order_review::Filter {
        is_open: true,
        ..Default::default()
    };
    let address = order::Address {
        name: String::new(),
        line1: String::new(),
        line2: None,
        city: String::new(),
        region: None,
        postal_code: String::new(),
        country_code: "DE".to_owned(),
    };
    let db = &Planner::over::<migrations::orders::Migrator>().await;
    let ([id, ..], now) = (ids(), Utc::now());
    let wrong = wrong_plans!(
        db,
        "customer::by_ids": customer::by_ids(db, &ids()),
        "customer::by_email": customer::by_email(db, "ada@example.com"),
        "customer::erase": customer::erase(db, id, now),
        "payment_method::by_ids": payment_method::by_ids(db, &ids()),
        "payment_method::of_token": payment_method::of_token(db, id, "pm_1"),
        "payment_method::of_customer": payment_method::of_customer(db, id, Some(id), 100),
        "payment_method::erase_of_customer": payment_method::erase_of_customer(db, id, now, now),
        "order::by_ids": order::by_ids(db, &ids()),
        "order::lock": order::lock(db, id),
        "order::open_of_customer": order::open_of_customer(db, id, now, 100),
        "order::set_addresses": order::set_addresses(db, &ids(), address),
        "order_event::delete_details": order_event::delete_details(db, &ids()),
        "order_decision::delete_notes": order_decision::delete_notes(db, &ids()),
        "order::newest_provider_payments": order::newest_provider_payments(db, 20),
        "order::count": order::count(db, id, &[order::OrderStatus::Shipped]),
        "order_item::by_ids": order_item::by_ids(db, &ids()),
        "stock_level::of_products": stock_level::of_products(db, &ids()),
        "stock_level::lock": stock_level::lock(db, &ids()),
        "stock_level::after": stock_level::after(db, Some(id), 100),
        "store_credit_balance::of_customer": store_credit_balance::of_customer(db, id),
        "store_credit_balance::balance": store_credit_balance::balance(db, id, "EUR"),
        "store_credit_balance::add": store_credit_balance::add(db, id, "EUR", 1, now),
        "store_credit_entry::of_customer": store_credit_entry::of_customer(db, id, Some(id), 20),
        "store_credit_entry::count": store_credit_entry::count(db, id),
        "store_credit_entry::issued_for_return": store_credit_entry::issued_for_return(db, id),
        "stock_movement::of_references": stock_movement::of_references(db, &["ord_1:oi_1".to_owned()], MovementKind::Ordered),
        "stock_movement::of_product": stock_movement::of_product(db, id, Some(9), 20),
        "order_item::of_orders": order_item::of_orders(db, &ids()),
        "order_event::of_orders": order_event::of_orders(db, &ids()),
        "order::without_parcel": order::without_parcel(db, 20),
        "order_parcel::of_order": order_parcel::of_order(db, id),
        "order_parcel::count_of_orders": order_parcel::count_of_orders(db, &ids()),
        "order_parcel::by_number": order_parcel::by_number(db, "dhl", "1"),
        "order_parcel_line::of_parcels": order_parcel_line::of_parcels(db, &ids()),
        "order_payment::of_order": order_payment::of_order(db, id),
        "order_payment::ending_before": order_payment::ending_before(db, now, 20),
        "order_payment::open_without_task": order_payment::open_without_task(db, "payment", now, 20),
        "order_payment::of_orders": order_payment::of_orders(db, &ids()),
        "order_payment::open_since": order_payment::open_since(db, now, 20),
        "order::newest": order::newest(db, &[], Some((now, id)), 20),
        "order_decision::of_orders": order_decision::of_orders(db, &ids()),
        "order_refund::of_orders": order_refund::of_orders(db, &ids()),
        "order_refund::by_id": order_refund::by_id(db, id),
        "order_review::of_order": order_review::of_order(db, id),
        "order_review::of_orders": order_review::of_orders(db, &ids()),
        "order_review::page": order_review::page(db, &waiting, Some((now, id)), 20),
        "order_review::count": order_review::count(db, &waiting),
        "order_review::overdue": order_review::overdue(db, now, 20),
        "order_review::report": order_review::report(db, id, now, now),
        "order_review::waiting": order_review::waiting(db),
        "order_payment::count_unsettled": order_payment::count_unsettled(db),
        "order::ids_after": order::ids_after(db, Some(id), 200),
        "order_parcel::of_orders": order_parcel::of_orders(db, &ids()),
        "order::existing": order::existing(db, &ids()),
        "order_refund::existing": order_refund::existing(db, &ids()),
        "stock_movement::of_products": stock_movement::of_products(db, &ids(), Some((id, 1)), 1_000),
        "store_credit_balance::after": store_credit_balance::after(db, None, 200),
        "store_credit_balance::of_customers": store_credit_balance::of_customers(db, &ids()),
        "store_credit_entry::after": store_credit_entry::after(db, Some(id), 200),
        "store_credit_entry::by_ids": store_credit_entry::by_ids(db, &ids()),
        "store_credit_entry::of_references": store_credit_entry::of_references(db, &["ord_1".to_owned()]),
        "store_credit_entry::of_returns": store_credit_entry::of_returns(db, &ids()),
        "store_credit_entry::sums": store_credit_entry::sums(db, &ids()),
    );
    assert_eq!(wrong, NONE, "{wrong:#?}");
}

#[tokio::test]
async fn returns_are_found_by_what_narrows_the_search() {
    use returns::{
        customer_return, refund_supplement, return_decision, return_event, return_item,
        return_review, store_credit, unvoided_label,
    };
    let db = &Planner::over::<migrations::returns::Migrator>().await;
    let ([id, ..], now) = (ids(), Utc::now());
    let waiting = return_review::Filter {
        is_open: true,
        ..Default::default()
    };
    let wrong = wrong_plans!(
        db,
        "customer_return::by_ids": customer_return::by_ids(db, &ids()),
        "customer_return::of_orders": customer_return::of_orders(db, id, &ids()),
        "customer_return::of_customer": customer_return::of_customer(db, id, Some(id), 100),
        "customer_return::delete_label_links": customer_return::delete_label_links(db, &ids()),
        "return_item::delete_reason_texts": return_item::delete_reason_texts(db, &ids()),
        "return_decision::delete_notes": return_decision::delete_notes(db, &ids()),
        "customer_return::of_any_orders": customer_return::of_any_orders(db, &ids()),
        "customer_return::lock_tracked": customer_return::lock_tracked(db, "1"),
        "customer_return::unscanned": customer_return::unscanned(db, now, id, 20),
        "customer_return::unlabelled": customer_return::unlabelled(db, now, id, 20),
        "customer_return::unrefunded": customer_return::unrefunded(db, id, 20),
        "customer_return::unvoided": customer_return::unvoided(db, id, 20),
        "customer_return::count_in_doubt": customer_return::count_in_doubt(db, now),
        "customer_return::refunded_by_order": customer_return::refunded_by_order(db),
        "store_credit::unannounced": store_credit::unannounced(db, 100),
        "store_credit::set_announced": store_credit::set_announced(db, &ids(), now),
        "return_item::of_returns": return_item::of_returns(db, &ids()),
        "return_item::returned": return_item::returned(db, &ids()),
        "return_event::of_returns": return_event::of_returns(db, &ids()),
        "return_decision::of_returns": return_decision::of_returns(db, &ids()),
        "return_decision::latest": return_decision::latest(db, id),
        "return_decision::latest_of_all": return_decision::latest_of_all(db, id),
        "unvoided_label::oldest": unvoided_label::oldest(db, id),
        "unvoided_label::settle": unvoided_label::settle(db, id, "shp_1", now),
        "unvoided_label::settle_all": unvoided_label::settle_all(db, id, now),
        "return_review::of_return": return_review::of_return(db, id),
        "return_review::of_returns": return_review::of_returns(db, &ids()),
        "return_review::page": return_review::page(db, &waiting, Some((now, id)), 20),
        "return_review::count": return_review::count(db, &waiting),
        "return_review::overdue": return_review::overdue(db, now, 20),
        "return_review::report": return_review::report(db, id, now, now),
        "return_review::waiting": return_review::waiting(db),
        "customer_return::ids_after": customer_return::ids_after(db, Some(id), 200),
        "customer_return::existing": customer_return::existing(db, &ids()),
        "customer_return::orders_after": customer_return::orders_after(db, Some(id), 200),
        "refund_supplement::of_returns": refund_supplement::of_returns(db, &ids()),
        "store_credit::of_returns": store_credit::of_returns(db, &ids()),
    );
    assert_eq!(wrong, NONE, "{wrong:#?}");
}

#[tokio::test]
async fn the_rest_is_found_by_what_narrows_the_search() {
    use pricing::{price_adjustment, price_change, product_price, scheduled_price_change};
    use search::product::NewStock;
    use search::search_exposure::{Outcome, Variant};
    use search::signal::SignalKind;
    use search::{
        category_vector, customer_preference, product, product_vector, search_exposure, signal,
    };
    let ([id, ..], now) = (ids(), Utc::now());

    let db = &Planner::over::<migrations::pricing::Migrator>().await;
    let mut wrong = wrong_plans!(
        db,
        "price_adjustment::of_products": price_adjustment::of_products(db, &ids()),
        "price_adjustment::remove": price_adjustment::remove(db, &ids()),
        "product_price::amounts": product_price::amounts(db, &ids(), now),
        "product_price::adjusted": product_price::adjusted(db, &ids(), now),
        "product_price::of_products": product_price::of_products(db, &ids()),
        "product_price::lock": product_price::lock(db, &ids()),
        "product_price::due": product_price::due(db, now, 100),
        "product_price::next_change": product_price::next_change(db),
        "scheduled_price_change::of_products": scheduled_price_change::of_products(db, &ids()),
        "scheduled_price_change::ids_of_products": scheduled_price_change::ids_of_products(db, &ids()),
        "scheduled_price_change::lock_due": scheduled_price_change::lock_due(db, now, 100),
        "scheduled_price_change::next": scheduled_price_change::next(db),
        "price_change::of_products": price_change::of_products(db, &ids(), now),
    );
    let db = &Planner::over::<migrations::search::Migrator>().await;
    wrong.extend(wrong_plans!(
        db,
        "product::by_ids": product::by_ids(db, &ids()),
        "product::summaries": product::summaries(db, &ids()),
        "product::active_after": product::active_after(db, Some(id), 100),
        "product::active_ids_after": product::active_ids_after(db, Some(id), 100),
        "product::categories": product::categories(db),
        "product::lock": product::lock(db, &ids()),
        "product::touch": product::touch(db, now, now),
        "product::updated_since": product::updated_since(db, now, Some((now, id)), 100),
        "product::count_active": product::count_active(db),
        "product::set_stock": product::set_stock(db, &[NewStock { product: id, available_quantity: 1, sequence: 1 }], now),
        "product::stock_unannounced": product::stock_unannounced(db, 100),
        "product::set_stock_announced": product::set_stock_announced(db, &ids(), now),
        "product::touch_all": product::touch_all(db, &ids(), now),
        "signal::customers_after": signal::customers_after(db, now, Some(id), 100),
        "signal::counts_of": signal::counts_of(db, &ids(), now),
        "signal::numbers_of": signal::numbers_of(db, &ids(), now),
        "signal::searches_of": signal::searches_of(db, id, &ids(), now),
        "signal::of_order": signal::of_order(db, id),
        "signal::delete_order": signal::delete_order(db, id),
        "signal::delete_customer": signal::delete_customer(db, id),
        "signal::delete_customer_until": signal::delete_customer_until(db, id, now),
        "signal::of_customer": signal::of_customer(db, id, Some((now, id)), 100),
        "signal::counts_by_product": signal::counts_by_product(db, &[SignalKind::View], now, 100),
        "product::created_at": product::created_at(db, &ids()),
        "signal::sweep": signal::sweep(db, now, 100),
        "customer_preference::by_customer": customer_preference::by_customer(db, id),
        "customer_preference::by_customers": customer_preference::by_customers(db, &ids()),
        "customer_preference::with_vector_after": customer_preference::with_vector_after(db, Some(id), 100),
        "customer_preference::changed_since": customer_preference::changed_since(db, now, Some((now, id)), 100),
        "customer_preference::lock_opted_out": customer_preference::lock_opted_out(db, id),
        "customer_preference::opt_in": customer_preference::opt_in(db, id, now),
        "customer_preference::sweep": customer_preference::sweep(db, now, 100),
        "category_vector::all": category_vector::all(db),
        "product_vector::by_products": product_vector::by_products(db, &ids()),
        "product_vector::count": product_vector::count(db),
        "product_vector::products": product_vector::products(db),
        "search_exposure::record_outcome": search_exposure::record_outcome(db, id, id, Outcome::Click, now, now),
        "search_exposure::totals": search_exposure::totals(db, now, true),
        "search_exposure::latency": search_exposure::latency(db, Variant::Control, now, 990),
        "search_exposure::forget_customer": search_exposure::forget_customer(db, id, id),
        "search_exposure::of_customer": search_exposure::of_customer(db, id, Some(id), 100),
        "search_exposure::sweep": search_exposure::sweep(db, now, 100),
    ));
    assert_eq!(wrong, NONE, "{wrong:#?}");
}

#[tokio::test]
async fn the_tables_that_all_databases_share_are_read_by_what_narrows_the_search() {
    use tables::{
        customer_erasure, idempotency_key, inbox_delivery, inbox_event, outbox_event,
        outbox_sequence, task,
    };
    let db = &Planner::over::<migrations::orders::Migrator>().await;
    let now = Utc::now();
    let wrong = wrong_plans!(
        db,
        "outbox_event::is_any_due": outbox_event::is_any_due(db, now),
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
        "outbox_event::sweep": outbox_event::sweep(db, now, 100),
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
        "task::list": task::list(db, true, 20),
        "inbox_delivery::is_any_due": inbox_delivery::is_any_due(db, "orders", now),
        "inbox_delivery::count_waiting": inbox_delivery::count_waiting(db, "orders"),
        "inbox_delivery::count_dead": inbox_delivery::count_dead(db, "orders"),
        "inbox_event::sweep": inbox_event::sweep(db, now, 100),
        "idempotency_key::sweep": idempotency_key::sweep(db, now, 100),
    );
    assert_eq!(wrong, NONE, "{wrong:#?}");
}
