//! Webhooks to partners: in order, signed, again after failures, and only what a partner may see.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use entities::notifications::{webhook_dead_letter, webhook_endpoint};
use notifications::{Partner, PartnerError};
use platform::bus::Event;
use platform::tables::task;
use platform::webhooks::signature_header;
use resolvers::id::{IdKind, format_event};
use serde_json::json;
use uuid::Uuid;

use crate::fixture::RETRIES;
use crate::receiver::Received;
use crate::world::{CLIENT, WEBHOOK, id, shipped, worlds};

pub(crate) fn sequences(received: &[Received]) -> Vec<i64> {
    received.iter().map(|one| one.object().1).collect()
}

#[tokio::test]
async fn events_are_sent_once_in_order_signed_and_without_what_a_partner_may_not_see() {
    for world in worlds().await {
        let event = shipped("ord_1", Uuid::now_v7(), 1);
        world.publish(&event).await;
        world.publish_orders(Uuid::now_v7(), &[1, 2, 3]).await;
        let received = world.deliver().await;
        assert_eq!(sequences(&received), [1, 1, 2, 3], "{}", world.scratch.name);
        let first = &received[0];
        assert_eq!(first.id, format_event(event.id));
        assert_eq!(first.timestamp, world.clock.now().timestamp().to_string());
        assert_eq!(
            first.json(),
            json!({
                "id": first.id, "type": "order.shipped", "timestamp": "2025-10-09T11:59:00.000Z",
                "objectId": "ord_1", "sequence": 1,
                "data": {
                    "version": 1, "orderId": "ord_1", "previousStatus": "processing",
                    "status": "shipped", "timestamp": "2025-10-09T11:58:00Z",
                },
            })
        );
        let secret = world
            .state
            .webhooks
            .signing_key
            .secret(CLIENT, WEBHOOK, "s1");
        let timestamp = world.clock.now().timestamp();
        let expected = signature_header(&[secret], &first.id, timestamp, first.body.as_bytes());
        assert_eq!(first.signatures, expected);
        assert_eq!(world.deliver_after(60).await, []);
        assert_eq!(
            task::count(world.scratch.database.read()).await.unwrap(),
            []
        );

        // With more scopes it sees more.
        world.register(&["orders:read", "customers:read"], json!({}));
        let customer = Uuid::now_v7();
        world.publish_orders(customer, &[1]).await;
        let data = world.deliver().await[0].json()["data"].clone();
        assert_eq!(data["customerId"], IdKind::Customer.format(customer));
        assert_eq!(data.get("actor"), None);
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_partner_gets_the_types_and_customers_it_is_registered_for() {
    for world in worlds().await {
        let (known, other) = (Uuid::now_v7(), Uuid::now_v7());
        let customers = json!([IdKind::Customer.format(known)]);
        world.register(&["orders:read"], json!({ "customers": customers }));
        world.publish_orders(other, &[1]).await;
        let order = world.publish_orders(known, &[1]).await;
        let of_type = |event_type: &str| Event {
            event_type: event_type.to_owned(),
            ..shipped(&order, known, 2)
        };
        // Not for its scopes, and for no partner.
        world.publish(&of_type("return.initiated")).await;
        world.publish(&of_type("order.support_alert")).await;
        world.publish(&of_type("order.delivered")).await;
        let received = world.deliver().await;
        let types: Vec<_> = received
            .iter()
            .map(|one| one.json()["type"].clone())
            .collect();
        assert_eq!(
            types,
            ["order.shipped", "order.delivered"],
            "{}",
            world.scratch.name
        );
        assert!(received.iter().all(|one| one.object().0 == order));

        // Whoever gets fewer scopes gets no more of what waits.
        world.publish(&of_type("order.delivered")).await;
        world.register(&["tracking:read"], json!({}));
        assert_eq!(world.deliver().await, []);
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_webhook_without_its_last_scope_gets_nothing_and_changes_nothing_for_others() {
    for world in worlds().await {
        let partner = || world.state.partners.find(CLIENT).unwrap();
        assert!(partner().problems().is_empty());
        let other = Partner {
            client: "other".to_owned(),
            ..partner()
        };
        world.publish_orders(Uuid::now_v7(), &[1]).await;
        let without_scopes = Partner {
            scopes: BTreeSet::new(),
            ..partner()
        };
        let problems = without_scopes.problems();
        assert!(
            matches!(problems.as_slice(), [PartnerError::NoEvents { .. }]),
            "{problems:?}"
        );
        world.state.partners.replace(vec![without_scopes, other]);
        assert_eq!(world.deliver().await, [], "{}", world.scratch.name);
        let order = world.publish_orders(Uuid::now_v7(), &[2]).await;
        let received = world.deliver().await;
        let objects: Vec<_> = received.iter().map(Received::object).collect();
        assert_eq!(objects, [(order, 2)], "{}", world.scratch.name);
        assert!(world.state.partners.find("other").is_some());
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn later_events_wait_for_one_that_fails_and_for_the_time_that_the_receiver_requests() {
    for world in worlds().await {
        world
            .receiver
            .answer([(500, None), (429, Some(3_600)), (302, None)]);
        world.publish_orders(Uuid::now_v7(), &[1, 2]).await;
        let first = world.deliver().await;
        assert_eq!(sequences(&first), [1], "{}", world.scratch.name);
        // Neither a new event nor an impatient clock makes it sooner.
        world.publish_orders(Uuid::now_v7(), &[3]).await;
        assert_eq!(world.deliver_after(RETRIES[0] - 1).await, []);
        let second = world.deliver_after(2).await;
        assert_eq!(sequences(&second), [1]);
        assert_eq!(
            (&second[0].id, &second[0].body),
            (&first[0].id, &first[0].body)
        );
        assert_ne!(second[0].timestamp, first[0].timestamp);
        assert_eq!(
            world.endpoint().await.last_error.as_deref(),
            Some("it answered 429")
        );
        assert_eq!(world.deliver_after(3_599).await, []);
        assert_eq!(sequences(&world.deliver_after(1).await), [1]);
        let rest = world.deliver_after(RETRIES[2] * 2).await;
        assert_eq!(sequences(&rest), [1, 2, 3]);
        let endpoint = world.endpoint().await;
        assert_eq!((endpoint.attempts, endpoint.failing_since), (0, None));
        assert_eq!(world.dead_letters().await, []);
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_event_that_is_never_accepted_is_given_up_and_can_be_sent_again() {
    for world in worlds().await {
        world.receiver.answer([(500, None); RETRIES.len() + 1]);
        world.publish_orders(Uuid::now_v7(), &[1, 2]).await;
        let mut received = world.deliver().await;
        for wait in RETRIES {
            received.extend(world.deliver_after(wait * 2).await);
        }
        assert_eq!(
            sequences(&received),
            [1, 1, 1, 1, 2],
            "{}",
            world.scratch.name
        );
        let letters = world.dead_letters().await;
        assert_eq!(letters.len(), 1);
        assert_eq!(
            (letters[0].attempts, letters[0].error.as_str()),
            (4, "it answered 500")
        );

        // Once it is sent again it may fail again, and is kept until it is accepted.
        for (answers, left) in [(RETRIES.len() + 1, 1), (1, 0)] {
            world.receiver.answer(vec![(503, None); answers]);
            let (db, now) = (world.scratch.database.write(), world.clock.now());
            assert_eq!(
                webhook_dead_letter::requeue(db, id(), now).await.unwrap(),
                1
            );
            world.wake().await;
            let mut received = world.deliver().await;
            for wait in RETRIES {
                received.extend(world.deliver_after(wait * 2).await);
            }
            assert!(sequences(&received).iter().all(|sequence| *sequence == 1));
            assert_eq!(format_event(letters[0].event_id), received[0].id);
            assert_eq!(world.dead_letters().await.len(), left);
        }
        assert_eq!(world.endpoint().await.failing_since, None);

        // What it may not see any more is not sent again either.
        world.receiver.answer([(500, None); RETRIES.len() + 1]);
        world.publish_orders(Uuid::now_v7(), &[1]).await;
        world.deliver().await;
        for wait in RETRIES {
            world.deliver_after(wait * 2).await;
        }
        let (db, now) = (world.scratch.database.write(), world.clock.now());
        assert_eq!(
            webhook_dead_letter::requeue(db, id(), now).await.unwrap(),
            1
        );
        world.register(&["tracking:read"], json!({}));
        world.wake().await;
        assert_eq!(world.deliver().await, []);
        assert_eq!(world.dead_letters().await, []);
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_event_has_all_its_attempts_although_another_failed_before() {
    for world in worlds().await {
        world.receiver.answer([(500, None); RETRIES.len()]);
        let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
        world.publish_orders(first, &[1]).await;
        world.publish_orders(second, &[2]).await;
        let mut received = world.deliver().await;
        for wait in &RETRIES[1..] {
            received.extend(world.deliver_after(wait * 2).await);
        }
        assert_eq!(sequences(&received), [1, 1, 1], "{}", world.scratch.name);
        // The partner may no longer see the first.
        let customers = json!([IdKind::Customer.format(second)]);
        world.register(&["orders:read"], json!({ "customers": customers }));
        world.receiver.answer([(500, None)]);
        assert_eq!(sequences(&world.deliver_after(100_000).await), [2]);
        assert_eq!(world.dead_letters().await, []);
        assert_eq!(world.endpoint().await.attempts, 1);
        assert_eq!(sequences(&world.deliver_after(100_000).await), [2]);
        assert_eq!(world.endpoint().await.attempts, 0);
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_receiver_that_is_gone_gets_nothing_until_it_is_resumed() {
    for world in worlds().await {
        world.receiver.answer([(410, None)]);
        world.publish_orders(Uuid::now_v7(), &[1, 2]).await;
        assert_eq!(
            sequences(&world.deliver().await),
            [1],
            "{}",
            world.scratch.name
        );
        world.publish_orders(Uuid::now_v7(), &[3]).await;
        assert_eq!(world.deliver_after(100_000).await, []);
        assert!(world.endpoint().await.disabled_at.is_some());
        let db = world.scratch.database.write();
        assert!(webhook_endpoint::resume(db, id(), None).await.unwrap());
        world.wake().await;
        assert_eq!(sequences(&world.deliver().await), [1, 2, 3]);

        // From the beginning, under the same ids.
        webhook_endpoint::resume(db, id(), Some(0)).await.unwrap();
        world.wake().await;
        assert_eq!(sequences(&world.deliver().await), [1, 2, 3]);
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_replaced_secret_signs_too_until_its_time() {
    for world in worlds().await {
        let until = world.clock.now() + TimeDelta::hours(1);
        let secrets = json!([{ "id": "s1", "until": until }, { "id": "s2" }]);
        world.register(&["orders:read"], json!({ "secrets": secrets }));
        let signed = async |seconds: u64, ids: &[&str]| {
            world.publish_orders(Uuid::now_v7(), &[1]).await;
            let received = world.deliver_after(seconds).await.remove(0);
            let key = &world.state.webhooks.signing_key;
            let secrets: Vec<_> = ids
                .iter()
                .map(|id| key.secret(CLIENT, WEBHOOK, id))
                .collect();
            let now = world.clock.now().timestamp();
            let body = received.body.as_bytes();
            let expected = signature_header(&secrets, &received.id, now, body);
            assert_eq!(received.signatures, expected, "{}", world.scratch.name);
        };
        signed(0, &["s1", "s2"]).await;
        signed(3_600, &["s2"]).await;
        world.scratch.drop().await;
    }
}
