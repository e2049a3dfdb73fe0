//! What public data changes with the domains' events. An event is about its publisher's data; a domain that copies some
//! of it has changed its own once it has applied the event.

use std::sync::Arc;
use std::time::Duration;

use platform::bus::Event;
use pricing::RateCache;
use resolvers::erasure::CUSTOMER_DELETED;
use router::{InvalidEntity, Invalidation};
use serde_json::Value;

/// When rates that were refreshed are used in every process: they use those from before for a while, and their clocks
/// differ. Search indexes have followed the catalog by then, too.
pub(super) const RATES_SETTLE: Duration = RateCache::RECHECK.saturating_mul(2);

const RATES_REFRESHED: &str = "rates.refreshed";
const PRICE_CHANGED: &str = "price.changed";
const PRODUCT_UPSERTED: &str = "product.upserted.v1";
const PRODUCT_DELETED: &str = "product.deleted.v1";

/// Root fields that depend on products which are not in their answers.
const SEARCHES: [&str; 2] = ["productSearch", "searchSuggestions"];

/// What these events invalidate in the subgraphs that publish them.
pub(super) fn published(events: &[Arc<Event>]) -> Vec<Invalidation> {
    let mut all: Vec<Invalidation> = Vec::new();
    for event in events {
        let Some(invalid) = publisher(&event.topic).and_then(|domain| changed(domain, event))
        else {
            continue;
        };
        // Events of one domain are mostly published together.
        match all
            .iter_mut()
            .find(|one| one.subgraphs == invalid.subgraphs)
        {
            Some(one) => {
                one.entities.extend(invalid.entities);
                one.types.extend(invalid.types);
                one.root_fields.extend(invalid.root_fields);
                one.callers.extend(invalid.callers);
                for names in [&mut one.types, &mut one.root_fields] {
                    names.sort_unstable();
                    names.dedup();
                }
            }
            None => all.push(invalid),
        }
    }
    all
}

/// Of what these events invalidate, what subgraphs may return as it was before, until [`RATES_SETTLE`].
pub(super) fn settled(events: &[Arc<Event>]) -> Vec<Invalidation> {
    // Prices may change at a certain time, which comes later for processes whose clocks are behind.
    let priced = events
        .iter()
        .filter(|event| matches!(&*event.event_type, RATES_REFRESHED | PRICE_CHANGED));
    let mut settled = published(&priced.cloned().collect::<Vec<_>>());
    let is_of_catalog = |event: &Arc<Event>| {
        let is_change = matches!(&*event.event_type, PRODUCT_UPSERTED | PRODUCT_DELETED);
        is_change && publisher(&event.topic) == Some("search")
    };
    if events.iter().any(is_of_catalog) {
        // The index follows the catalog within a second: whether a new product is found, and where.
        settled.push(Invalidation {
            root_fields: SEARCHES.map(str::to_owned).into(),
            subgraphs: vec!["search".to_owned()],
            ..Invalidation::default()
        });
    }
    settled
}

/// What an event invalidates in the subgraph of a domain that has applied it.
pub(super) fn handled(domain: &str, event: &Event) -> Option<Invalidation> {
    // Another system may have published it, and each domain erases what it has.
    if event.event_type == CUSTOMER_DELETED {
        return erased(event);
    }
    // The catalog copies prices and stock of products; others have no public data of another domain.
    (domain == "search")
        .then(|| changed(domain, event))
        .flatten()
}

/// The domain that publishes a topic.
fn publisher(topic: &str) -> Option<&str> {
    match topic.strip_suffix(".events")? {
        "inventory" => Some("orders"),
        domain => Some(domain),
    }
}

/// What is stored for a customer alone who is being erased.
fn erased(event: &Event) -> Option<Invalidation> {
    let customer = event.data.get("customerId")?.as_str()?;
    Some(Invalidation {
        callers: vec![customer.to_owned()],
        ..Invalidation::default()
    })
}

/// What changes in a domain's subgraph with an event.
fn changed(domain: &str, event: &Event) -> Option<Invalidation> {
    if event.event_type == CUSTOMER_DELETED {
        return erased(event);
    }
    let mut invalid = Invalidation {
        subgraphs: vec![domain.to_owned()],
        ..Invalidation::default()
    };
    match event.event_type.as_str() {
        PRICE_CHANGED => invalid.entities = products(&event.data, "prices", "productId"),
        "inventory.adjusted" => invalid.entities = products(&event.data, "products", "productId"),
        PRODUCT_UPSERTED | PRODUCT_DELETED => {
            invalid.entities = products(&event.data, "products", "id");
        }
        RATES_REFRESHED => {
            invalid.types = ["ExchangeRate", "PriceQuote", "ProductPrice"]
                .map(str::to_owned)
                .into();
        }
        _ => return None,
    }
    if domain == "search" {
        // Totals and facets change with products that are not in the answer.
        invalid.root_fields = SEARCHES.map(str::to_owned).into();
    }
    Some(invalid)
}

/// The products in a list of an event.
fn products(data: &Value, list: &str, id: &str) -> Vec<InvalidEntity> {
    let items = data.get(list).and_then(Value::as_array);
    let ids = items.into_iter().flatten();
    ids.filter_map(|item| item.get(id)?.as_str())
        .map(|id| InvalidEntity::new("Product", "id", id))
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn event(topic: &str, event_type: &str, data: Value) -> Arc<Event> {
        Arc::new(Event {
            id: Uuid::nil(),
            topic: topic.to_owned(),
            event_type: event_type.to_owned(),
            aggregate_id: "prices".to_owned(),
            sequence: 1,
            occurred_at: DateTime::UNIX_EPOCH,
            data,
            traceparent: None,
        })
    }

    fn products_of(subgraph: &str, ids: &[&str]) -> Invalidation {
        let ids = ids.iter();
        let searches: &[&str] = match subgraph {
            "search" => &["productSearch", "searchSuggestions"],
            _ => &[],
        };
        Invalidation {
            root_fields: searches.iter().map(|&name| name.to_owned()).collect(),
            entities: ids
                .map(|id| InvalidEntity::new("Product", "id", *id))
                .collect(),
            subgraphs: vec![subgraph.to_owned()],
            ..Invalidation::default()
        }
    }

    #[test]
    fn events_name_what_has_changed_where_they_come_from() {
        let price = |id: &str| {
            let data = json!({ "version": 1, "prices": [{ "productId": id, "sequence": 2 }] });
            event("pricing.events", "price.changed", data)
        };
        let stock = event(
            "inventory.events",
            "inventory.adjusted",
            json!({ "products": [{ "productId": "prd_3" }] }),
        );
        let catalog = event(
            "search.events",
            "product.upserted.v1",
            json!({ "products": [{ "id": "prd_4" }, { "id": "prd_5" }] }),
        );
        let other = event("orders.events", "order.placed", json!({}));
        let all = [
            price("prd_1"),
            other,
            price("prd_2"),
            stock.clone(),
            catalog,
        ];
        assert_eq!(
            published(&all),
            [
                products_of("pricing", &["prd_1", "prd_2"]),
                products_of("orders", &["prd_3"]),
                products_of("search", &["prd_4", "prd_5"]),
            ]
        );
        let copied = handled("search", &stock);
        assert_eq!(copied, Some(products_of("search", &["prd_3"])));
        assert_eq!(handled("notifications", &stock), None);
    }

    #[test]
    fn searches_are_invalidated_again_once_the_index_has_followed() {
        let data = json!({ "products": [{ "id": "prd_1" }] });
        let upserted = event("search.events", "product.upserted.v1", data.clone());
        assert_eq!(settled(&[upserted]), [products_of("search", &[])]);
        let foreign = event("catalog.events", "product.upserted.v1", data);
        assert!(settled(&[foreign]).is_empty());
    }

    #[test]
    fn an_erased_customer_has_nothing_stored_any_more() {
        let data = json!({ "version": 1, "customerId": "usr_1" });
        let deleted = event("customer.events", "customer.deleted", data);
        let expected = Invalidation {
            callers: vec!["usr_1".to_owned()],
            ..Invalidation::default()
        };
        assert_eq!(
            published(std::slice::from_ref(&deleted)),
            std::slice::from_ref(&expected)
        );
        assert_eq!(handled("returns", &deleted), Some(expected));
    }

    #[test]
    fn new_rates_change_every_converted_price() {
        let refreshed = event("pricing.events", "rates.refreshed", json!({ "version": 1 }));
        let invalid = published(std::slice::from_ref(&refreshed));
        assert_eq!(invalid.len(), 1);
        assert!(invalid[0].types.contains(&"ProductPrice".to_owned()));
        assert_eq!(invalid[0].subgraphs, ["pricing"]);
        let price = event("pricing.events", "price.changed", json!({ "prices": [] }));
        assert_eq!(settled(&[price, refreshed]), invalid);
    }
}
