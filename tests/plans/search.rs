//! Finders of the search domain.

use chrono::Utc;
use entities::search::product::NewStock;
use entities::search::search_exposure::{Outcome, Variant};
use entities::search::signal::SignalKind;
use entities::search::{
    category_vector, customer_preference, product, product_vector, search_exposure, signal,
};

use super::planner::Planner;
use super::{ids, long_ago};

pub(crate) async fn wrong(db: &Planner) -> Vec<String> {
    let ([id, ..], now) = (ids(), Utc::now());
    wrong_plans!(
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
        "signal::sweep": signal::sweep(db, long_ago(), 100),
        "customer_preference::by_customer": customer_preference::by_customer(db, id),
        "customer_preference::by_customers": customer_preference::by_customers(db, &ids()),
        "customer_preference::with_vector_after": customer_preference::with_vector_after(db, Some(id), 100),
        "customer_preference::changed_since": customer_preference::changed_since(db, now, Some((now, id)), 100),
        "customer_preference::lock_opted_out": customer_preference::lock_opted_out(db, id),
        "customer_preference::opt_in": customer_preference::opt_in(db, id, now),
        "customer_preference::sweep": customer_preference::sweep(db, long_ago(), 100),
        "category_vector::all": category_vector::all(db),
        "product_vector::by_products": product_vector::by_products(db, &ids()),
        "product_vector::count": product_vector::count(db),
        "product_vector::products": product_vector::products(db),
        "search_exposure::record_outcome": search_exposure::record_outcome(db, id, id, Outcome::Click, now, now),
        "search_exposure::totals": search_exposure::totals(db, now, true),
        "search_exposure::latency": search_exposure::latency(db, Variant::Control, now, 990),
        "search_exposure::forget_customer": search_exposure::forget_customer(db, id, id),
        "search_exposure::of_customer": search_exposure::of_customer(db, id, Some(id), 100),
        "search_exposure::sweep": search_exposure::sweep(db, long_ago(), 100),
    )
}
