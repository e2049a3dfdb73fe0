//! Emails over real SMTP, with customers' addresses from the orders domain.

use async_graphql::{EmptyMutation, EmptySubscription, ID, Object, Schema, SimpleObject};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use chrono::TimeDelta;
use entities::notifications::notification::{self, DeliveryStatus};
use entities::notifications::preference;
use notifications::channels::EmailChannel;
use notifications::{UnsubscribeLinks, message, routes};
use platform::config::Secret;
use platform::providers::smtp::Smtp;
use platform::smtp_server::Reaction;
use platform::testing::mail_sink::MailSink;
use resolvers::client::SubgraphClient;
use resolvers::id::{IdKind, order_number};
use resolvers::subgraph::Subgraph;
use resolvers::testing::execute;
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::fixture::UPDATE;
use crate::world::{World, shipped, worlds};

/// The orders domain: every customer is Ada.
struct Orders;

#[derive(SimpleObject)]
struct Customer {
    id: ID,
    email: String,
    name: String,
}

#[derive(SimpleObject)]
struct Order {
    id: ID,
    items: Vec<Item>,
    subtotal: Money,
    shipping: Money,
    tax: Money,
    total: Money,
}

#[derive(SimpleObject)]
struct Item {
    product_name: String,
    quantity: i32,
    line_total: Money,
}

#[derive(Clone, SimpleObject)]
struct Money {
    formatted: String,
}

#[Object]
impl Orders {
    async fn nothing(&self) -> bool {
        true
    }

    #[graphql(entity)]
    async fn customer(&self, id: ID) -> Customer {
        Customer {
            id,
            email: "ada@example.com".to_owned(),
            name: "Ada Löwe".to_owned(),
        }
    }

    #[graphql(entity)]
    async fn order(&self, id: ID) -> Order {
        let money = |text: &str| Money {
            formatted: text.to_owned(),
        };
        Order {
            id,
            items: vec![Item {
                product_name: "Cups <large> & small".to_owned(),
                quantity: 2,
                line_total: money("$20.00"),
            }],
            subtotal: money("$20.00"),
            shipping: money("$5.00"),
            tax: money("$1.20"),
            total: money("$26.20"),
        }
    }
}

fn orders() -> SubgraphClient {
    let schema = Schema::build(Orders, EmptyMutation, EmptySubscription)
        .enable_federation()
        .finish();
    SubgraphClient::local(Subgraph::new("orders", schema, |_| ()))
}

/// The domain with a mail server, on each database.
pub(crate) async fn mail_worlds() -> Vec<(World, MailSink)> {
    let mut all = Vec::new();
    for mut world in worlds().await {
        let sink = MailSink::start().await;
        let url = format!("smtp://{}", sink.address).parse().unwrap();
        let from = "Shop <orders@shop.example>";
        world.state.delivery.email = Some(EmailChannel {
            smtp: Smtp::new(&url, from, world.clock.clone()).unwrap(),
            orders: Some(orders()),
            unsubscribe: UnsubscribeLinks::new(
                "https://api.shop.example".parse().unwrap(),
                &Secret::new("a key that is long enough to sign"),
            )
            .unwrap(),
        });
        all.push((world, sink));
    }
    all
}

async fn only_row(world: &World) -> notification::Model {
    let rows = notification::list(world.scratch.database.read(), &Default::default(), 10).await;
    let mut rows = rows.unwrap();
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

/// The email's source without the line breaks of its encoding.
fn source(sink: &MailSink) -> String {
    let mails = sink.mails();
    String::from_utf8(mails.last().unwrap().raw.clone()).unwrap()
}

#[tokio::test]
async fn an_email_names_the_order_by_its_number_and_can_be_unsubscribed_from() {
    for (world, sink) in mail_worlds().await {
        let (customer, order) = (Uuid::now_v7(), Uuid::now_v7());
        let event = shipped(&IdKind::Order.format(order), customer, 1);
        world.tell(&event).await;
        world.send_due().await;
        let mails = sink.mails();
        assert_eq!(mails.len(), 1, "{}", world.scratch.name);
        assert_eq!(mails[0].to, ["ada@example.com"]);
        let source = source(&sink);
        let subject = format!("Subject: Order {} is on its way", order_number(order));
        assert!(source.contains(&subject), "{source}");
        let row = only_row(&world).await;
        let id = format!("<{}@shop.example>", IdKind::Notification.format(row.id));
        assert!(source.contains(&format!("Message-ID: {id}")), "{source}");
        assert_eq!(
            (row.status, row.provider_id),
            (DeliveryStatus::Sent, Some(id))
        );
        assert!(!row.body.contains("ada@example.com"));

        check_unsubscribing(&world, customer, &unsubscribe_path(&source)).await;
        world.scratch.drop().await;
    }
}

/// The path of the link that unsubscribes, in an email's source.
fn unsubscribe_path(source: &str) -> String {
    let joined = source.replace("\r\n ", "");
    let url = joined
        .split("List-Unsubscribe: <https://api.shop.example")
        .nth(1)
        .unwrap();
    url.split('>').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_link_that_is_followed_after_an_erasure_holds_once_the_customer_comes_back() {
    for (world, sink) in mail_worlds().await {
        let (customer, name) = (Uuid::now_v7(), world.scratch.name);
        let tell = async |sequence| {
            let order = IdKind::Order.format(Uuid::now_v7());
            world.tell(&shipped(&order, customer, sequence)).await;
            world.send_due().await;
            let mut log = world.log().await;
            log.retain(|row| row.channel.as_str() == "email");
            log.sort_by_key(|row| row.id);
            log.pop().unwrap()
        };
        assert_eq!(tell(1).await.status, DeliveryStatus::Sent, "{name}");
        let path = unsubscribe_path(&source(&sink));
        world.erase(customer).await;
        let app = routes(world.state.clone());
        for _ in 0..2 {
            let (status, page) = call(&app, "POST", &path, "en").await;
            assert_eq!(status, StatusCode::OK, "{name}");
            assert!(page.contains("You are unsubscribed"), "{page}");
        }
        // It does not ask for messages.
        let reason = tell(2).await.reason;
        assert_eq!(reason.as_deref(), Some("customer_deleted"), "{name}");
        let variables = json!({
            "customer": IdKind::Customer.format(customer),
            "key": "back",
            "input": { "updates": [{ "channel": "PUSH", "category": "ORDERS", "enabled": true }] },
        });
        let answer = execute(&world.subgraph(), Some(customer), UPDATE, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        let reason = tell(3).await.reason;
        assert_eq!(reason.as_deref(), Some("opted_out"), "{name}");
        assert_eq!(sink.mails().len(), 1, "{name}");
        world.scratch.drop().await;
    }
}

async fn check_unsubscribing(world: &World, customer: Uuid, path: &str) {
    let app = routes(world.state.clone());
    let cells = async || {
        let db = world.scratch.database.read();
        let cells = preference::of_customers(db, &[customer]).await.unwrap();
        cells.get(&customer).cloned().unwrap_or_default()
    };
    let (status, page) = call(&app, "GET", path, "de-AT,en;q=0.5").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("<form method=\"post\">"), "{page}");
    assert!(page.contains("Rücksendungen"), "{page}");
    assert!(cells().await.is_empty(), "a GET changes nothing");
    for _ in 0..2 {
        let (status, page) = call(&app, "POST", path, "en").await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("You are unsubscribed"), "{page}");
    }
    let [cell] = &cells().await[..] else {
        panic!("one cell was changed");
    };
    let changed = (cell.channel.as_str(), cell.category.as_str(), cell.enabled);
    assert_eq!(changed, ("email", "orders", false));
    for forged in [
        format!("{path}x"),
        "/unsubscribe/x".to_owned(),
        format!("/unsubscribe/{}", "x".repeat(5_000)),
    ] {
        let (status, _) = call(&app, "POST", &forged, "en").await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{forged}");
    }
    world
        .tell(&shipped(&IdKind::Order.format(Uuid::now_v7()), customer, 2))
        .await;
    world.send_due().await;
    let rows = notification::list(world.scratch.database.read(), &Default::default(), 10).await;
    assert_eq!(rows.unwrap()[0].reason.as_deref(), Some("opted_out"));
}

async fn call(app: &Router, method: &str, path: &str, languages: &str) -> (StatusCode, String) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("accept-language", languages)
        .body(Body::from("List-Unsubscribe=One-Click"))
        .unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn failures_are_retried_refusals_are_given_up_and_can_be_requeued() {
    for (world, sink) in mail_worlds().await {
        let customer = Uuid::now_v7();
        sink.react([Reaction::Refuse(451, "4.3.0 later".to_owned())]);
        world
            .tell(&shipped(&IdKind::Order.format(Uuid::now_v7()), customer, 1))
            .await;
        world.send_due().await;
        let row = only_row(&world).await;
        assert_eq!((row.status, row.attempts), (DeliveryStatus::Failed, 1));
        assert!(row.reason.unwrap().contains("put the email off"));
        // Not before its backoff is over.
        world.send_due().await;
        assert!(sink.mails().is_empty());
        sink.react([Reaction::Refuse(550, "5.7.1 refused".to_owned())]);
        world.clock.advance(TimeDelta::minutes(2));
        world.send_due().await;
        let row = only_row(&world).await;
        assert_eq!(
            (row.status, row.attempts),
            (DeliveryStatus::DeadLettered, 2)
        );
        world.clock.advance(TimeDelta::days(2));
        world.send_due().await;
        assert!(sink.mails().is_empty());
        let now = world.clock.now();
        let requeued = message::requeue(&world.scratch.database, Some(&[row.id]), now).await;
        assert_eq!(requeued.unwrap(), 1);
        world.send_due().await;
        assert_eq!(only_row(&world).await.status, DeliveryStatus::Sent);
        assert_eq!(sink.mails().len(), 1, "{}", world.scratch.name);
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_repeat_after_an_unknown_outcome_carries_the_same_identity() {
    for (world, sink) in mail_worlds().await {
        // Accepted, but the connection breaks before the server says so.
        sink.react([Reaction::Disconnect]);
        world
            .tell(&shipped(
                &IdKind::Order.format(Uuid::now_v7()),
                Uuid::now_v7(),
                1,
            ))
            .await;
        world.send_due().await;
        assert_eq!(only_row(&world).await.status, DeliveryStatus::Failed);
        world.clock.advance(TimeDelta::minutes(2));
        world.send_due().await;
        assert_eq!(only_row(&world).await.status, DeliveryStatus::Sent);
        let ids: Vec<_> = sink
            .mails()
            .iter()
            .map(|mail| {
                let source = String::from_utf8(mail.raw.clone()).unwrap();
                let id = source.split("Message-ID: ").nth(1).unwrap();
                id.lines().next().unwrap().to_owned()
            })
            .collect();
        assert_eq!(ids.len(), 2);
        assert_eq!(ids[0], ids[1], "{}", world.scratch.name);
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_server_that_is_down_for_a_day_costs_the_message_and_not_before() {
    for (mut world, sink) in mail_worlds().await {
        let url = "smtp://127.0.0.1:1".parse().unwrap();
        let email = world.state.delivery.email.as_mut().unwrap();
        email.smtp = Smtp::new(&url, "orders@shop.example", world.clock.clone()).unwrap();
        world
            .tell(&shipped(
                &IdKind::Order.format(Uuid::now_v7()),
                Uuid::now_v7(),
                1,
            ))
            .await;
        for hours in 0..24 {
            world.send_due().await;
            assert_eq!(
                only_row(&world).await.status,
                DeliveryStatus::Failed,
                "{hours}"
            );
            world.clock.advance(TimeDelta::hours(1));
        }
        world.send_due().await;
        assert_eq!(only_row(&world).await.status, DeliveryStatus::DeadLettered);
        assert!(sink.mails().is_empty());
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn messages_are_in_the_language_of_the_first_order_unless_another_is_chosen() {
    for (world, sink) in mail_worlds().await {
        let (customer, order) = (Uuid::now_v7(), Uuid::now_v7());
        let mut placed = shipped(&IdKind::Order.format(order), customer, 1);
        placed.event_type = "order.placed".to_owned();
        for language in ["de-AT", "fr"] {
            placed.id = Uuid::now_v7();
            placed.data["language"] = json!(language);
            world.tell(&placed).await;
        }
        let next = async |sequence| {
            world
                .tell(&shipped(&IdKind::Order.format(order), customer, sequence))
                .await;
            world.send_due().await;
            source(&sink)
        };
        assert!(next(2).await.contains("ist unterwegs"));
        let document = "mutation($input: NotificationContactUpdateInput!) {
            notificationContactUpdate(input: $input) { locale phoneNumber userErrors { code field } }
        }";
        let update = async |input: Value| {
            let subgraph = world.subgraph();
            let variables = json!({ "input": input });
            let answer = execute(&subgraph, Some(customer), document, variables).await;
            assert_eq!(answer["errors"], Value::Null, "{answer}");
            answer["data"]["notificationContactUpdate"].clone()
        };
        let updated = update(json!({ "locale": "en-GB", "phoneNumber": "+1 415 555 2671" })).await;
        let expected =
            json!({ "locale": "en-GB", "phoneNumber": "+14155552671", "userErrors": [] });
        assert_eq!(updated, expected);
        assert!(next(3).await.contains("is on its way"));
        let refused = update(json!({ "locale": "?", "phoneNumber": "12" })).await;
        let codes: Vec<_> = refused["userErrors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| &error["code"])
            .collect();
        assert_eq!(codes, ["INVALID_LOCALE", "INVALID_PHONE_NUMBER"]);
        // All or nothing, and the answer shows what is saved.
        let refused = update(json!({ "locale": "de", "phoneNumber": "12" })).await;
        let unchanged = json!({
            "locale": "en-GB", "phoneNumber": "+14155552671",
            "userErrors": [{ "code": "INVALID_PHONE_NUMBER", "field": ["input", "phoneNumber"] }],
        });
        assert_eq!(refused, unchanged, "{}", world.scratch.name);
        let updated = update(json!({ "phoneNumber": null })).await;
        assert_eq!(
            (&updated["locale"], &updated["phoneNumber"]),
            (&json!("en-GB"), &Value::Null)
        );
        world.scratch.drop().await;
    }
}
