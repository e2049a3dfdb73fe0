//! Finders of the pricing domain.

use chrono::Utc;
use entities::pricing::{price_adjustment, price_change, product_price, scheduled_price_change};
use platform::outbox;

use super::ids;
use super::planner::Planner;

pub(crate) async fn wrong(db: &Planner) -> Vec<String> {
    let now = Utc::now();
    let changes = outbox::last_sequence_query("pricing.events", "prices");
    wrong_plans!(
        db,
        "price_adjustment::of_products": price_adjustment::of_products(db, &ids()),
        "price_adjustment::remove": price_adjustment::remove(db, &ids()),
        "product_price::amounts": product_price::amounts(db, &ids(), now, changes),
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
        "scheduled_price_change::remove": scheduled_price_change::remove(db, &ids()),
    )
}
