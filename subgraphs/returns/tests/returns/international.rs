//! Labels that cross a border, and what labels say of parcels.

use platform::clock::Clock;
use resolvers::client::SubgraphClient;
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use returns::rules::status::ReturnStatus;
use serde_json::{Value, json};

use crate::desk::{Desk, desks_at, public};
use crate::fake_search;
use crate::fixture::{monitor, monitor_order, now};
use crate::labels::made;

/// Desks with a catalog.
async fn desks() -> Vec<Desk> {
    let mut all = desks_at(&[monitor_order()], &Clock::manual(now())).await;
    for desk in &mut all {
        let state = &mut desk.fixture.state;
        state.search = Some(SubgraphClient::local(fake_search::subgraph()));
        desk.fixture.subgraph = returns::subgraph(state.clone());
    }
    all
}

/// Requests the label of a return, and returns the answer.
async fn label(desk: &Desk, number: u128) -> Value {
    desk.fixture.store(vec![made(number)]).await;
    let document = "mutation($id: ID!, $key: String!) {
      returnLabelGenerate(id: $id, idempotencyKey: $key) { labelStatus return { label { carrier } } }
    }";
    let id = public(made(number).row.id);
    let variables = json!({ "id": id, "key": number.to_string() });
    let answer = desk.fixture.ask(document, variables).await;
    answer["data"]["returnLabelGenerate"].clone()
}

#[tokio::test]
async fn a_label_across_a_border_says_what_customs_ask_and_uses_a_service_that_goes_there() {
    for desk in desks().await {
        desk.fixture.orders.move_abroad();
        let answer = label(&desk, 1).await;
        assert_eq!(answer["labelStatus"], "READY", "{answer}");
        let row = desk.row(made(1).row.id).await;
        // UPS Expedited would be cheaper, but is not configured.
        assert_eq!(row.label_cost, Some(861));
        let [asked] = &desk.providers.asked()[..] else {
            panic!("one shipment");
        };
        for address in ["from_address", "to_address"] {
            assert_eq!(asked[address]["phone"], "+15025550100");
        }
        assert_eq!(asked["to_address"]["country"], "CA");
        let customs = &asked["customs_info"];
        assert_eq!(customs["customs_signer"], "Ada");
        let item = json!({
            "description": "4K Monitor Pro 32 inch", "quantity": 1, "value": 299, "currency": "EUR",
            "weight": 224, "hs_tariff_number": "852852", "origin_country": "KR",
        });
        assert_eq!(customs["customs_items"], json!([item]), "{customs}");
        let parcel = json!({ "weight": 232.0, "length": 30.0, "width": 20.0, "height": 10.0 });
        assert_eq!(asked["parcel"], parcel);

        // Its own limit holds.
        desk.providers.set_rates(15_000);
        let answer = label(&desk, 2).await;
        assert_eq!(answer["labelStatus"], "UNAVAILABLE");
        let row = desk.row(made(2).row.id).await;
        assert_eq!(row.status, ReturnStatus::ManualReview);
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_label_within_the_country_has_no_customs_and_goes_by_ground() {
    for desk in desks().await {
        let answer = label(&desk, 1).await;
        assert_eq!(answer["return"]["label"]["carrier"], "USPS", "{answer}");
        let asked = &desk.providers.asked()[0];
        assert_eq!(asked.get("customs_info"), None);
        assert_eq!(asked["is_return"], true);
        assert_eq!(asked["parcel"]["weight"], 232.0);
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_preview_says_what_the_last_label_for_a_parcel_like_it_cost() {
    for desk in desks().await {
        let estimate = async |quantity: i32| {
            let document = "query($input: ReturnCreateInput!) {
              returnPreview(input: $input) { estimatedLabelCost { amount currency } }
            }";
            let item = json!({
                "orderItemId": IdKind::OrderItem.format(monitor().id), "quantity": quantity,
                "reasonCode": "changed_mind", "condition": "UNOPENED",
            });
            let order = IdKind::Order.format(monitor_order().id);
            let input = json!({ "orderId": order, "items": [item] });
            let answer = desk.fixture.ask(document, json!({ "input": input })).await;
            assert_eq!(answer["errors"], Value::Null, "{answer}");
            answer["data"]["returnPreview"]["estimatedLabelCost"].clone()
        };
        assert_eq!(estimate(1).await, Value::Null);
        label(&desk, 1).await;
        let cents = desk.row(made(1).row.id).await.label_cost.unwrap();
        let expected =
            json!({ "amount": Money::new(cents, CurrencyCode::Usd).decimal(), "currency": "USD" });
        assert_eq!(estimate(1).await, expected);
        // Nothing heavier is known.
        assert_eq!(estimate(2).await, expected);
        // A label that is too expensive for us counts, too.
        desk.providers.set_rates(15_000);
        label(&desk, 2).await;
        let expected = json!({ "amount": "150.00", "currency": "USD" });
        assert_eq!(estimate(1).await, expected);

        desk.fixture.orders.move_abroad();
        assert_eq!(estimate(1).await, Value::Null);
        desk.stop().await;
    }
}
