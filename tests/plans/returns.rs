//! Finders of the returns domain.

use chrono::Utc;
use entities::returns::customer_return::ReturnStatus;
use entities::returns::{
    customer_return, label_rate, refund_supplement, return_decision, return_event, return_item,
    return_review, store_credit, unvoided_label,
};

use super::ids;
use super::planner::Planner;

pub(crate) async fn wrong(db: &Planner) -> Vec<String> {
    let ([id, ..], now) = (ids(), Utc::now());
    let waiting = return_review::Filter {
        is_open: true,
        ..Default::default()
    };
    let cancelled = return_review::Filter {
        statuses: vec![ReturnStatus::Cancelled],
        ..waiting.clone()
    };
    wrong_plans!(
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
        "customer_return::refunded_by_order": customer_return::refunded_by_order(db, &ids()),
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
        "return_review::page in a status": return_review::page(db, &cancelled, None, 20),
        "return_review::count in a status": return_review::count(db, &cancelled),
        "return_review::close": return_review::close(db, id, now),
        "return_review::remind": return_review::remind(db, &ids(), now),
        "refund_supplement::issue": refund_supplement::issue(db, id, "re_1", now),
        "refund_supplement::replace_refund": refund_supplement::replace_refund(db, id, "1"),
        "label_rate::nearest": label_rate::nearest(db, "DE", 2),
    )
}
