//! `returnCancel`: once, and only until the carrier has the package.

use futures::future::join_all;
use resolvers::id::IdKind;
use resolvers::testing::{code, execute};
use returns::transitions::{Actor, Transition};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{CUSTOMER, Fixture, STRANGER, fixtures, monitor, monitor_order, now, stored};
use crate::return_create::{CREATE, input};

pub(crate) const CANCEL: &str = "mutation($id: ID!, $key: String!) {
    returnCancel(id: $id, idempotencyKey: $key) {
        return { id status nextStep label { url } timeline { event } }
        userErrors { code message field }
    }
}";

/// Creates a return of one unit of the monitor and returns its id.
async fn made(fixture: &Fixture) -> Value {
    let answer = fixture.ask(CREATE, input(&monitor_order(), 1, "k")).await;
    let id = answer["data"]["returnCreate"]["return"]["id"].clone();
    assert!(id.is_string(), "{answer:#}");
    id
}

#[tokio::test]
async fn a_cancelled_return_frees_its_units_and_is_cancelled_once() {
    for fixture in fixtures(&[monitor_order()]).await {
        let id = made(&fixture).await;
        let variables = json!({ "id": id, "key": "c" });
        let calls = (0..8).map(|_| fixture.ask(CANCEL, variables.clone()));
        for answer in join_all(calls).await {
            assert_eq!(
                answer["data"]["returnCancel"],
                json!({
                    "return": {
                        "id": id,
                        "status": "CANCELLED",
                        "nextStep": null,
                        "label": null,
                        "timeline": [{ "event": "return_initiated" }, { "event": "cancelled" }],
                    },
                    "userErrors": [],
                }),
                "{answer:#}"
            );
        }
        let [_, cancelled] = &fixture.events().await[..] else {
            panic!("two events")
        };
        let name = (cancelled.event_type.as_str(), cancelled.sequence);
        assert_eq!(name, ("return.cancelled", 2));
        assert_eq!(
            cancelled.data,
            json!({
                "version": 1,
                "returnId": id,
                "orderId": IdKind::Order.format(monitor_order().id),
                "customerId": IdKind::Customer.format(CUSTOMER),
                "status": "cancelled",
                "previousStatus": "initiated",
                "actor": IdKind::Customer.format(CUSTOMER),
                "trackingNumber": null,
            })
        );

        let again = fixture.ask(CANCEL, json!({ "id": id, "key": "c2" })).await;
        assert_eq!(
            again["data"]["returnCancel"],
            json!({
                "return": null,
                "userErrors": [{
                    "code": "RETURN_NOT_CANCELLABLE",
                    "message": "This return is already cancelled",
                    "field": ["id"],
                }],
            })
        );
        let anew = fixture.ask(CREATE, input(&monitor_order(), 1, "k2")).await;
        assert!(
            anew["data"]["returnCreate"]["return"].is_object(),
            "{anew:#}"
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_the_carrier_has_cannot_be_cancelled_nor_what_is_someone_elses() {
    for fixture in fixtures(&[monitor_order()]).await {
        let order = monitor_order();
        fixture
            .store(vec![stored(50, CUSTOMER, order.id, monitor().id, 1)])
            .await;
        let id = Uuid::from_u128(50);
        let variables = json!({ "id": IdKind::Return.format(id), "key": "c" });
        let stranger = execute(&fixture.subgraph, Some(STRANGER), CANCEL, variables.clone()).await;
        assert_eq!(code(&stranger), "FORBIDDEN");
        let unknown = json!({ "id": IdKind::Return.format(Uuid::from_u128(51)), "key": "c" });
        assert_eq!(code(&fixture.ask(CANCEL, unknown).await), "NOT_FOUND");

        let scanned = Transition::CarrierScanned(now());
        let scanned = fixture.advance(id, &scanned, Actor::Carrier);
        scanned.await.unwrap();

        let answer = fixture.ask(CANCEL, variables).await;
        assert_eq!(
            answer["data"]["returnCancel"]["userErrors"][0]["message"],
            "The carrier has your package: this return can no longer be cancelled"
        );
        assert_eq!(fixture.events().await.len(), 1);
        fixture.scratch.drop().await;
    }
}
