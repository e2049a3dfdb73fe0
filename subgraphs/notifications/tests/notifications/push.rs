//! Push messages to each of a customer's devices, whatever the push service answers about the others.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use chrono::TimeDelta;
use entities::notifications::notification::{self, DeliveryStatus};
use entities::notifications::preference::NotificationChannel;
use entities::notifications::{device_token, topic_membership};
use notifications::channels::PushChannel;
use parking_lot::Mutex;
use platform::clock::Clock;
use platform::config::Secret;
use platform::providers::fcm::Fcm;
use resolvers::id::IdKind;
use resolvers::testing::execute;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use url::Url;
use uuid::Uuid;

use crate::fixture::{REGISTER, UPDATE};
use crate::world::{World, shipped, worlds};

/// A push service that accepts messages, unless it is told otherwise for a device.
#[derive(Clone, Default)]
struct PushService(Arc<Mutex<Service>>);

#[derive(Default)]
struct Service {
    answers: BTreeMap<String, VecDeque<(u16, Value)>>,
    /// The devices that were called, with the ids of the messages.
    calls: Vec<(String, String)>,
    /// The next answer asks for this many seconds.
    retry_after: Option<u64>,
    /// Devices whose next answer waits.
    held: BTreeMap<String, Held>,
}

/// An answer that waits: it tells that the device was called, and then waits to be released.
struct Held {
    called: oneshot::Sender<()>,
    released: oneshot::Receiver<()>,
}

impl PushService {
    async fn start(clock: &Clock) -> (Self, Fcm) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base: Url = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let service = Self::default();
        let routes = Router::new()
            .route("/v1/projects/shop/messages:send", post(accept))
            .with_state(service.clone());
        tokio::spawn(async { axum::serve(listener, routes).await });
        let fcm = Fcm::new(&base, &Secret::new("given token"), clock.clone()).unwrap();
        (service, fcm)
    }

    /// The next answers about this device.
    fn answer(&self, token: &str, answers: &[(u16, Value)]) {
        let mut service = self.0.lock();
        let queue = service.answers.entry(token.to_owned()).or_default();
        queue.extend(answers.iter().cloned());
    }

    /// Holds the next answer about this device back. Returns what is told when it is called, and what releases it.
    fn hold(&self, token: &str) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let ((called, was_called), (release, released)) = (oneshot::channel(), oneshot::channel());
        let held = Held { called, released };
        self.0.lock().held.insert(token.to_owned(), held);
        (was_called, release)
    }

    /// The devices that were called since the last time.
    fn called(&self) -> Vec<String> {
        let calls = std::mem::take(&mut self.0.lock().calls);
        calls.into_iter().map(|(token, _)| token).collect()
    }
}

async fn accept(State(service): State<PushService>, Json(body): Json<Value>) -> Response {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let token = text(&body["message"]["token"]);
    let id = text(&body["message"]["data"]["notificationId"]);
    let held = {
        let mut service = service.0.lock();
        service.calls.push((token.clone(), id));
        service.held.remove(&token)
    };
    if let Some(held) = held {
        held.called.send(()).unwrap();
        held.released.await.unwrap();
    }
    let mut service = service.0.lock();
    let answer = service
        .answers
        .get_mut(&token)
        .and_then(VecDeque::pop_front);
    let (status, body) = answer.unwrap_or_else(|| {
        (
            200,
            json!({ "name": format!("projects/shop/messages/{token}") }),
        )
    });
    let status = StatusCode::from_u16(status).unwrap();
    match service.retry_after.take() {
        Some(seconds) => {
            (status, [("retry-after", seconds.to_string())], Json(body)).into_response()
        }
        None => (status, Json(body)).into_response(),
    }
}

fn error(status: &str, code: &str) -> Value {
    json!({ "error": { "status": status, "message": "…", "details": [
        { "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code },
    ] } })
}

/// A customer with these devices, registered by themselves, on each database.
async fn push_worlds(tokens: &[&str]) -> Vec<(World, PushService, Uuid)> {
    let mut all = Vec::new();
    for mut world in worlds().await {
        let (service, fcm) = PushService::start(&world.clock).await;
        let project = "shop".to_owned();
        world.state.delivery.push = Some(PushChannel { fcm, project });
        let customer = Uuid::now_v7();
        for token in tokens {
            let variables = json!({ "token": token, "region": "us" });
            let answer = execute(&world.subgraph(), Some(customer), REGISTER, variables).await;
            assert_eq!(answer["errors"], Value::Null, "{answer}");
            world.clock.advance(TimeDelta::seconds(1));
        }
        all.push((world, service, customer));
    }
    all
}

/// The customer's push message.
async fn message(world: &World) -> notification::Model {
    let rows = notification::list(world.scratch.database.read(), &Default::default(), 10).await;
    let mut rows = rows.unwrap();
    rows.retain(|row| row.channel == NotificationChannel::Push);
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

async fn tell(world: &World, customer: Uuid) {
    let order = IdKind::Order.format(Uuid::now_v7());
    world.tell(&shipped(&order, customer, 1)).await;
    world.send_due().await;
}

/// The same, and something else once this device is called and before the push service answers.
async fn tell_while(
    world: &World,
    service: &PushService,
    customer: Uuid,
    token: &str,
    other: impl Future<Output = ()>,
) {
    let (was_called, release) = service.hold(token);
    let meanwhile = async {
        was_called.await.unwrap();
        other.await;
        release.send(()).unwrap();
    };
    tokio::join!(tell(world, customer), meanwhile);
}

/// The customer refuses push messages about orders.
async fn refuse_push(world: &World, customer: Uuid) {
    let variables = json!({
        "customer": IdKind::Customer.format(customer),
        "key": Uuid::now_v7().to_string(),
        "input": { "updates": [{ "channel": "PUSH", "category": "ORDERS", "enabled": false }] },
    });
    let answer = execute(&world.subgraph(), Some(customer), UPDATE, variables).await;
    assert_eq!(answer["errors"], Value::Null, "{answer}");
}

/// How many devices have the message, as far as the log names them.
fn named_devices(row: &notification::Model) -> Option<usize> {
    let devices = row.accepted_devices.as_ref();
    devices.map(|devices| devices.as_object().unwrap().len())
}

#[tokio::test]
async fn a_message_that_is_being_sent_goes_to_no_further_device_once_its_customer_is_erased() {
    for (world, service, customer) in push_worlds(&["a", "b", "c", "d"]).await {
        let name = world.scratch.name;
        let erase = async {
            world.erase(customer).await;
        };
        tell_while(&world, &service, customer, "b", erase).await;
        assert_eq!(service.called(), ["a", "b"], "{name}");
        let row = message(&world).await;
        assert_eq!(row.status, DeliveryStatus::Sent, "{name}");
        assert_eq!(row.sent_at, Some(world.clock.now()), "{name}");
        assert_eq!(row.provider.as_deref(), Some("fcm"), "{name}");
        let reason = row.reason.as_deref();
        let expected = "customer_deleted; devices that have it: 2";
        assert_eq!(reason, Some(expected), "{name}");
        // Nothing else is kept, and no client is told.
        let kept = (row.title.as_str(), row.body.as_str(), &row.data);
        assert_eq!(kept, ("", "", &None), "{name}");
        let kept = (named_devices(&row), &row.provider_id, row.position);
        assert_eq!(kept, (None, &None, None), "{name}");
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_message_that_no_device_has_when_its_customer_is_erased_was_not_sent() {
    for (world, service, customer) in push_worlds(&["a", "b"]).await {
        let name = world.scratch.name;
        service.answer("a", &[(404, error("NOT_FOUND", "UNREGISTERED"))]);
        let erase = async {
            world.erase(customer).await;
        };
        tell_while(&world, &service, customer, "a", erase).await;
        assert_eq!(service.called(), ["a"], "{name}");
        let row = message(&world).await;
        let outcome = (row.status, row.reason.as_deref(), row.title.as_str());
        let expected = (DeliveryStatus::Suppressed, Some("customer_deleted"), "");
        assert_eq!(outcome, expected, "{name}");
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_message_that_is_being_sent_goes_to_no_further_device_once_it_is_refused() {
    for (world, service, customer) in push_worlds(&["a", "b", "c"]).await {
        let name = world.scratch.name;
        let refuse = refuse_push(&world, customer);
        tell_while(&world, &service, customer, "b", refuse).await;
        assert_eq!(service.called(), ["a", "b"], "{name}");
        let row = message(&world).await;
        let reason = row.reason.as_deref();
        let expected = Some("opted_out; devices that have it: 2");
        assert_eq!(
            (row.status, reason),
            (DeliveryStatus::Sent, expected),
            "{name}"
        );
        assert_eq!(named_devices(&row), Some(2), "{name}");
        assert!(row.position.is_some(), "{name}");
        assert!(row.title.ends_with("is on its way"), "{name} {}", row.title);
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_device_that_is_unregistered_while_a_message_is_being_sent_is_passed_over() {
    let unregister =
        "mutation($token: String!) { deviceUnregister(token: $token) { deviceTokens } }";
    for (world, service, customer) in push_worlds(&["a", "b", "c", "d"]).await {
        let name = world.scratch.name;
        let subgraph = world.subgraph();
        let other = Uuid::now_v7();
        let leave = async {
            let variables = json!({ "token": "b" });
            let answer = execute(&subgraph, Some(customer), unregister, variables).await;
            assert_eq!(
                answer["data"]["deviceUnregister"]["deviceTokens"], 3,
                "{name}"
            );
            // Somebody else signs in there.
            let variables = json!({ "token": "c", "region": "us" });
            let answer = execute(&subgraph, Some(other), REGISTER, variables).await;
            assert_eq!(answer["errors"], Value::Null, "{answer}");
        };
        tell_while(&world, &service, customer, "a", leave).await;
        assert_eq!(service.called(), ["a", "d"], "{name}");
        let row = message(&world).await;
        let outcome = (row.status, row.reason.as_deref(), named_devices(&row));
        assert_eq!(outcome, (DeliveryStatus::Sent, None, Some(2)), "{name}");
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_message_that_some_devices_have_counts_as_sent_though_the_others_do_not_get_it() {
    for erases in [true, false] {
        for (world, service, customer) in push_worlds(&["a", "b"]).await {
            let name = world.scratch.name;
            let down = (503, error("UNAVAILABLE", "UNAVAILABLE"));
            service.answer("b", &[down.clone(), down.clone(), down]);
            tell(&world, customer).await;
            assert_eq!(service.called(), ["a", "b", "b", "b"], "{name}");
            let failed = message(&world).await;
            assert_eq!(failed.status, DeliveryStatus::Failed, "{name}");
            if erases {
                world.erase(customer).await;
            } else {
                refuse_push(&world, customer).await;
            }
            world.clock.advance(TimeDelta::minutes(2));
            world.send_due().await;
            assert!(service.called().is_empty(), "{name}");
            let row = message(&world).await;
            let (reason, sent_at, devices) = if erases {
                ("customer_deleted", failed.attempted_at, None)
            } else {
                ("opted_out", Some(world.clock.now()), Some(1))
            };
            let reason = format!("{reason}; devices that have it: 1");
            assert_eq!(row.status, DeliveryStatus::Sent, "{name}");
            assert_eq!(row.reason, Some(reason), "{name}");
            let kept = (row.provider.as_deref(), row.sent_at, named_devices(&row));
            assert_eq!(kept, (Some("fcm"), sent_at, devices), "{name}");
            world.scratch.drop().await;
        }
    }
}

#[tokio::test]
async fn a_device_that_is_gone_is_forgotten_with_its_topics_and_the_others_get_the_message() {
    for (world, service, customer) in push_worlds(&["old", "new"]).await {
        let db = world.scratch.database.read();
        let name = world.scratch.name;
        let gone = vec!["old".to_owned()];
        let topics = async || topic_membership::of_tokens(db, &gone).await.unwrap();
        assert!(!topics().await.is_empty());
        service.answer("old", &[(404, error("NOT_FOUND", "UNREGISTERED"))]);
        tell(&world, customer).await;
        assert_eq!(service.called(), ["old", "new"], "{name}");
        let row = message(&world).await;
        assert_eq!(row.status, DeliveryStatus::Sent, "{name}");
        assert_eq!(
            row.provider_id.as_deref(),
            Some("projects/shop/messages/new")
        );
        let devices = device_token::of_customer(db, customer).await.unwrap();
        let tokens: Vec<_> = devices.iter().map(|device| device.token.as_str()).collect();
        assert_eq!(tokens, ["new"], "{name}");
        assert!(topics().await.is_empty(), "{name}");
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_last_device_that_is_gone_leaves_nobody_to_send_to() {
    for (world, service, customer) in push_worlds(&["old"]).await {
        let invalid = json!({ "error": {
            "status": "INVALID_ARGUMENT", "message": "The registration token is not a valid FCM registration token",
            "details": [{ "errorCode": "INVALID_ARGUMENT" }],
        } });
        service.answer("old", &[(400, invalid)]);
        tell(&world, customer).await;
        let row = message(&world).await;
        let outcome = (row.status, row.reason.as_deref());
        let expected = (DeliveryStatus::Suppressed, Some("no_recipient"));
        assert_eq!(outcome, expected, "{}", world.scratch.name);
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_failure_is_repeated_only_for_the_device_that_it_concerns() {
    for (world, service, customer) in push_worlds(&["a", "b", "c"]).await {
        let name = world.scratch.name;
        let down = (503, error("UNAVAILABLE", "UNAVAILABLE"));
        service.answer("a", &[down.clone(), down.clone(), down]);
        // One that can never get it must not end the attempts for another.
        let mismatch = (403, error("PERMISSION_DENIED", "SENDER_ID_MISMATCH"));
        service.answer("c", &[mismatch.clone(), mismatch]);
        tell(&world, customer).await;
        // The client itself tries three times.
        assert_eq!(service.called(), ["a", "a", "a", "b", "c"], "{name}");
        assert_eq!(
            message(&world).await.status,
            DeliveryStatus::Failed,
            "{name}"
        );
        world.clock.advance(TimeDelta::minutes(2));
        world.send_due().await;
        assert_eq!(service.called(), ["a", "c"], "{name}");
        assert_eq!(message(&world).await.status, DeliveryStatus::Sent, "{name}");
        // A wrong project costs nobody their registration.
        let devices = device_token::count(world.scratch.database.read(), customer).await;
        assert_eq!(devices.unwrap(), 3, "{name}");
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_message_that_every_device_refuses_is_given_up() {
    for (world, service, customer) in push_worlds(&["a"]).await {
        service.answer("a", &[(400, error("INVALID_ARGUMENT", "INVALID_ARGUMENT"))]);
        tell(&world, customer).await;
        let row = message(&world).await;
        assert_eq!(
            row.status,
            DeliveryStatus::DeadLettered,
            "{}",
            world.scratch.name
        );
        assert!(row.reason.unwrap().contains("INVALID_ARGUMENT"));
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_limit_is_waited_for_as_long_as_the_push_service_asks() {
    for (world, service, customer) in push_worlds(&["a"]).await {
        let name = world.scratch.name;
        let limited = (429, error("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"));
        service.answer("a", &[limited]);
        service.0.lock().retry_after = Some(600);
        tell(&world, customer).await;
        assert_eq!(service.called().len(), 1, "{name}");
        world.clock.advance(TimeDelta::minutes(9));
        world.send_due().await;
        assert!(service.called().is_empty(), "{name}");
        world.clock.advance(TimeDelta::minutes(3));
        world.send_due().await;
        assert_eq!(message(&world).await.status, DeliveryStatus::Sent, "{name}");
        world.scratch.drop().await;
    }
}
