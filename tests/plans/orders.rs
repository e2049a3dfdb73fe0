//! Finders of the orders domain.

use chrono::Utc;
use entities::orders::order::{Address, OrderStatus, PageQuery};
use entities::orders::stock_movement::MovementKind;
use entities::orders::{
    customer, order, order_decision, order_event, order_item, order_parcel, order_parcel_line,
    order_payment, order_refund, order_review, payment_method, stock_level, stock_movement,
    store_credit_balance, store_credit_entry,
};

use super::ids;
use super::planner::Planner;

pub(crate) async fn wrong(db: &Planner) -> Vec<String> {
    let ([id, ..], now) = (ids(), Utc::now());
    let waiting = order_review::Filter {
        is_open: true,
        ..Default::default()
    };
    let delivered = order_review::Filter {
        statuses: vec![OrderStatus::Delivered],
        ..waiting.clone()
    };
    let address = Address {
        name: String::new(),
        line1: String::new(),
        line2: None,
        city: String::new(),
        region: None,
        postal_code: String::new(),
        country_code: "DE".to_owned(),
    };
    let page = PageQuery {
        newest_first: true,
        after: Some((now, id)),
        limit: 20,
    };
    wrong_plans!(
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
        "order::count": order::count(db, id, &[OrderStatus::Shipped]),
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
        "order::of_customer": order::of_customer(db, id, &[], &page),
        "order::of_customer in a status": order::of_customer(db, id, &[OrderStatus::Shipped], &page),
        "order::newest in a status": order::newest(db, &[OrderStatus::Delivered], Some((now, id)), 20),
        "order::newest in several statuses": order::newest(db, &[OrderStatus::Delivered, OrderStatus::Shipped], None, 20),
        "order::of_customer in several statuses": order::of_customer(db, id, &[OrderStatus::Delivered, OrderStatus::Shipped], &page),
        "order::count_all": order::count_all(db, &[]),
        "order_review::page in a status": order_review::page(db, &delivered, None, 20),
        "order_review::count in a status": order_review::count(db, &delivered),
        "order_review::close": order_review::close(db, id, now),
        "order_review::remind": order_review::remind(db, &ids(), now),
        "stock_movement::known_references": stock_movement::known_references(db, &["ord_1:oi_1".to_owned()], MovementKind::Ordered),
    )
}
