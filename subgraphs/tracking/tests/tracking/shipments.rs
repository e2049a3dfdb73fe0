//! Querying parcels: of an order, of a return, alone, and with a guest's link.

use async_graphql::{Request, Variables};
use chrono::Duration;
use entities::insert_many;
use entities::tracking::{event, shipment};
use platform::caller::Caller;
use resolvers::id::IdKind;
use resolvers::testing::{code, execute};
use serde_json::{Value, json};
use tracking::TrackingStatus::{InTransit, Shipped};
use tracking::{Carrier, GuestScope};
use uuid::Uuid;

use crate::fixture::{Fixture, at, fixtures, parcel, seen};

const OF_ORDERS: &str = "query($representations: [_Any!]!) {
    _entities(representations: $representations) {
        ... on Order { shipments { status history { status } } }
    }
}";

const BY_ID: &str = "query($id: ID!) { shipment(id: $id) { status } }";

const BY_TOKEN: &str =
    "query($token: String!) { trackByToken(token: $token) { trackingNumber history { status } } }";

fn orders(ids: impl IntoIterator<Item = Uuid>) -> Value {
    let representations: Vec<_> = ids
        .into_iter()
        .map(|id| json!({ "__typename": "Order", "id": IdKind::Order.format(id) }))
        .collect();
    json!({ "representations": representations })
}

#[tokio::test]
async fn an_order_shows_its_parcels_whole_and_not_those_of_its_returns() {
    for fixture in fixtures().await {
        let row = shipment::Model {
            tracking_number: "DHL1234567890".to_owned(),
            ..parcel(Uuid::now_v7(), fixture.customer)
        };
        fixture.insert(row.clone()).await;
        let return_id = Uuid::now_v7();
        fixture
            .insert(shipment::Model {
                return_id: Some(return_id),
                carrier: Carrier::Usps,
                tracking_number: "9400 1".to_owned(),
                ..parcel(row.order_id, fixture.customer)
            })
            .await;
        let told = seen(Shipped, "Warehouse, Chicago IL", at(8, 0));
        fixture.record_event(&row, &told).await;
        let document = "query($representations: [_Any!]!) {
            _entities(representations: $representations) {
                ... on Order { shipments {
                    carrier trackingNumber trackingUrl status lastUpdate estimatedDelivery stale
                    history { status location timestamp }
                } }
                ... on Return { shipment { carrier trackingUrl status history { status } } }
            }
        }";
        let representations = json!({ "representations": [
            { "__typename": "Order", "id": IdKind::Order.format(row.order_id) },
            { "__typename": "Return", "id": IdKind::Return.format(return_id) },
        ] });
        let answer = fixture.ask(document, representations).await;
        insta::allow_duplicates! {
            insta::assert_json_snapshot!(answer["data"]["_entities"], @r#"
            [
              {
                "shipments": [
                  {
                    "carrier": "DHL",
                    "trackingNumber": "DHL1234567890",
                    "trackingUrl": "https://www.dhl.com/en/express/tracking.html?AWB=DHL1234567890",
                    "status": "SHIPPED",
                    "lastUpdate": "2025-10-03T08:00:00.000Z",
                    "estimatedDelivery": null,
                    "stale": false,
                    "history": [
                      {
                        "status": "SHIPPED",
                        "location": "Warehouse, Chicago IL",
                        "timestamp": "2025-10-03T08:00:00.000Z"
                      }
                    ]
                  }
                ]
              },
              {
                "shipment": {
                  "carrier": "USPS",
                  "trackingUrl": "https://tools.usps.com/go/TrackConfirmAction?tLabels=9400+1",
                  "status": "LABEL_CREATED",
                  "history": []
                }
              }
            ]
            "#);
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn of_several_parcels_the_one_that_moved_last_is_the_latest() {
    for fixture in fixtures().await {
        let document = "query($representations: [_Any!]!) {
            _entities(representations: $representations) {
                ... on Order { latestShipment { trackingNumber } }
            }
        }";
        let first = parcel(Uuid::now_v7(), fixture.customer);
        let second = parcel(first.order_id, fixture.customer);
        let of_order = orders([first.order_id]);
        let latest = async || {
            let answer = fixture.ask(document, of_order.clone()).await;
            answer["data"]["_entities"][0]["latestShipment"].clone()
        };
        assert_eq!(latest().await, Value::Null);
        for row in [&first, &second] {
            fixture.insert(row.clone()).await;
        }
        for (row, hour) in [(&first, 8), (&second, 9), (&first, 10)] {
            let told = seen(InTransit, "Sort Facility, Columbus OH", at(hour, 0));
            fixture.record_event(row, &told).await;
            assert_eq!(latest().await["trackingNumber"], row.tracking_number);
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_number_of_statements_does_not_depend_on_the_number_of_orders() {
    for fixture in fixtures().await {
        let rows: Vec<_> = (0..100)
            .map(|_| parcel(Uuid::now_v7(), fixture.customer))
            .collect();
        let events = rows.iter().flat_map(|row| {
            [(Shipped, 8), (InTransit, 9)].map(|(status, hour)| event::Model {
                id: Uuid::now_v7(),
                shipment_id: row.id,
                carrier: row.carrier,
                tracking_number: row.tracking_number.clone(),
                status,
                location: None,
                occurred_at: at(hour, 0),
                carrier_time: at(hour, 0),
                zone_assumed: false,
                recorded_at: at(hour, 0),
            })
        });
        let db = fixture.state.database.write();
        insert_many::<event::Entity>(db, events.collect())
            .await
            .unwrap();
        insert_many::<shipment::Entity>(db, rows.clone())
            .await
            .unwrap();
        for count in [1, 100] {
            let before = fixture.state.database.statements();
            let asked = orders(rows.iter().take(count).map(|row| row.order_id));
            let answer = fixture.ask(OF_ORDERS, asked).await;
            let statements = fixture.state.database.statements() - before;
            assert_eq!(statements, 2, "{count} orders, {}", fixture.scratch.name);
            let found = answer["data"]["_entities"].as_array().unwrap();
            assert_eq!(found.len(), count);
            for order in found {
                let history = &order["shipments"][0]["history"];
                assert_eq!(
                    history,
                    &json!([{ "status": "SHIPPED" }, { "status": "IN_TRANSIT" }])
                );
            }
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_is_anothers_is_not_there() {
    for fixture in fixtures().await {
        let row = fixture.ship().await;
        let stranger = Some(Uuid::now_v7());
        let asked = orders([row.order_id]);
        let answer = execute(&fixture.subgraph, stranger, OF_ORDERS, asked.clone()).await;
        assert_eq!(
            answer,
            json!({ "data": { "_entities": [{ "shipments": [] }] } })
        );
        let answer = execute(&fixture.subgraph, None, OF_ORDERS, asked).await;
        assert_eq!(code(&answer), "UNAUTHENTICATED");

        let id = json!({ "id": IdKind::Shipment.format(row.id) });
        let answer = execute(&fixture.subgraph, stranger, BY_ID, id.clone()).await;
        assert_eq!(answer, json!({ "data": { "shipment": null } }));
        let answer = execute(&fixture.subgraph, None, BY_ID, id).await;
        assert_eq!(code(&answer), "UNAUTHENTICATED");
        let wrong = json!({ "id": IdKind::Order.format(row.id) });
        assert_eq!(code(&fixture.ask(BY_ID, wrong).await), "BAD_USER_INPUT");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn guessed_and_malformed_entities_are_null_beside_those_that_are_there() {
    let document = "query($representations: [_Any!]!) {
        _entities(representations: $representations) { ... on Shipment { status } }
    }";
    for fixture in fixtures().await {
        let own = fixture.ship().await;
        let anothers = parcel(Uuid::now_v7(), Uuid::now_v7());
        fixture.insert(anothers.clone()).await;
        let asked = json!({ "representations": [
            { "__typename": "Shipment", "id": "shp_nonsense" },
            { "__typename": "Shipment", "id": IdKind::Shipment.format(own.id) },
            { "__typename": "Shipment", "id": IdKind::Shipment.format(anothers.id) },
        ] });
        let answer = fixture.ask(document, asked.clone()).await;
        assert_eq!(
            answer,
            json!({ "data": { "_entities": [null, { "status": "LABEL_CREATED" }, null] } })
        );
        let answer = execute(&fixture.subgraph, None, document, asked).await;
        assert_eq!(
            answer,
            json!({ "data": { "_entities": [null, null, null] } })
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_guests_link_shows_its_parcel_until_it_expires() {
    for fixture in fixtures().await {
        let first = fixture.ship().await;
        let second = fixture.ship_for(first.order_id).await;
        for row in [&second, &first] {
            fixture
                .record_event(row, &seen(InTransit, "a", at(9, 0)))
                .await;
        }
        let of_order = link(&fixture, GuestScope::Order(first.order_id));
        let of_second = link(&fixture, GuestScope::Shipment(second.id));
        // An order's link shows the most recently updated parcel.
        for (token, row) in [(&of_order, &first), (&of_second, &second)] {
            let answer = as_guest(&fixture, token).await;
            let shown = &answer["data"]["trackByToken"];
            assert_eq!(shown["trackingNumber"], json!(row.tracking_number));
            assert_eq!(shown["history"], json!([{ "status": "IN_TRANSIT" }]));
        }
        let nothing = link(&fixture, GuestScope::Order(Uuid::now_v7()));
        let answer = as_guest(&fixture, &nothing).await;
        assert_eq!(answer, json!({ "data": { "trackByToken": null } }));

        let forged = of_order.replace('.', "x.");
        assert_eq!(code(&as_guest(&fixture, &forged).await), "BAD_USER_INPUT");
        fixture.state.clock.advance(Duration::hours(25));
        assert_eq!(
            code(&as_guest(&fixture, &of_order).await),
            "UNAUTHENTICATED"
        );
        fixture.scratch.drop().await;
    }
}

fn link(fixture: &Fixture, scope: GuestScope) -> String {
    let now = fixture.state.clock.now();
    fixture
        .state
        .guest_links
        .mint(scope, now, Duration::hours(24))
        .unwrap()
}

async fn as_guest(fixture: &Fixture, token: &str) -> Value {
    execute(&fixture.subgraph, None, BY_TOKEN, json!({ "token": token })).await
}

#[tokio::test]
async fn the_sdl_says_what_needs_a_signed_in_caller() {
    for fixture in fixtures().await {
        let sdl = fixture.subgraph.sdl();
        for line in [
            "  ): Shipment @authenticated\n",
            "  ): TrackingUpdate! @authenticated\n",
            "  ): Shipment\n",
            "type Shipment @key(fields: \"id\") {",
            "type Order @key(fields: \"id\") {",
            "type Return @key(fields: \"id\") {",
        ] {
            assert!(sdl.contains(line), "{line}\n{sdl}");
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_address_may_try_five_links_that_nobody_signed() {
    for fixture in fixtures().await {
        let parcel = fixture.ship().await;
        let good = link(&fixture, GuestScope::Shipment(parcel.id));
        let with = async |token: &str, address: &str| {
            let caller = Caller {
                ip: Some(address.parse().unwrap()),
                ..Caller::default()
            };
            let variables = Variables::from_json(json!({ "token": token }));
            let request = Request::new(BY_TOKEN).variables(variables);
            let answer = fixture.subgraph.execute(request, caller).await;
            serde_json::to_value(answer).unwrap()
        };
        let from = async |address: &str| code(&with("guessed", address).await).to_owned();
        for _ in 0..5 {
            assert_eq!(from("192.0.2.1").await, "BAD_USER_INPUT");
        }
        assert_eq!(from("192.0.2.1").await, "RATE_LIMITED");
        assert_eq!(from("192.0.2.2").await, "BAD_USER_INPUT");
        // Somebody behind the same address, with a link that is signed.
        let answer = with(&good, "192.0.2.1").await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        assert!(answer["data"]["trackByToken"].is_object(), "{answer}");
        assert_eq!(from("192.0.2.1").await, "RATE_LIMITED");
    }
}
