//! Messages to the demo customer: from an order to each step of a return, live, by email and on the command line.

use chrono::Utc;
use entities::insert_many;
use entities::tracking::shipment::{self, Carrier, TrackingStatus};
use resolvers::id::IdKind;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kit::{DOMAINS, Graph, Layout, layouts};
use crate::orders::{PLACE, PRODUCTS};
use crate::refunds::{CREATE, ORDERS, find, input, labelled, settings};
use crate::third_parties::ThirdParties;
use crate::tracking_client::Client;
use crate::wait::until;

const LIVE: &str = "subscription { notificationReceived { id channel title status deepLink } }";

const CONTACT: &str = "mutation($input: NotificationContactUpdateInput!) { notificationContactUpdate(input: $input) { phoneNumber userErrors { code } } }";

const PREFERENCES: &str = "mutation($id: ID!, $input: NotificationPreferencesUpdateInput!, $key: String!) { notificationPreferencesUpdate(customerId: $id, input: $input, idempotencyKey: $key) { updated userErrors { code } } }";

async fn email(third_parties: &ThirdParties, subject: &str) -> Value {
    until(subject, async || {
        let mails = third_parties.mails().await;
        let is_it = |mail: &Value| mail["subject"].as_str().unwrap().contains(subject);
        mails.into_iter().find(is_it)
    })
    .await
}

/// The next live message about this by this channel.
async fn live(client: &mut Client, channel: &str, title: &str) -> Value {
    loop {
        let message = client.receive().await;
        assert_eq!(message["type"], "next", "{message:#}");
        let received = message["payload"]["data"]["notificationReceived"].clone();
        let is_it = received["title"].as_str().unwrap().contains(title);
        if is_it && received["channel"] == channel {
            assert_eq!(received["status"], "SENT");
            return received;
        }
    }
}

/// The devices that got a push message about this.
async fn pushed(third_parties: &ThirdParties, title: &str) -> Vec<String> {
    let all = third_parties.pushed().await.into_iter();
    all.filter(|(_, _, pushed)| pushed.contains(title))
        .map(|(token, ..)| token)
        .collect()
}

/// A parcel of this order that its carrier knows.
async fn send_parcel(graph: &Graph, order: &str, customer: &str) -> String {
    let now = Utc::now();
    let row = shipment::Model {
        id: Uuid::now_v7(),
        order_id: IdKind::Order.parse(order).unwrap(),
        return_id: None,
        customer_id: IdKind::Customer.parse(customer).unwrap(),
        carrier: Carrier::Dhl,
        tracking_number: "DHL7000000001".to_owned(),
        status: TrackingStatus::LabelCreated,
        location: None,
        last_update: None,
        estimated_delivery: None,
        sequence: 0,
        consecutive_errors: 0,
        returned_to_sender: false,
        estimated_at: None,
        overdue_at: None,
        registered_at: None,
        last_polled_at: None,
        last_answered_at: None,
        created_at: now,
    };
    let number = row.tracking_number.clone();
    let tracking = graph.database("tracking").await;
    insert_many::<shipment::Entity>(tracking.write(), vec![row])
        .await
        .unwrap();
    number
}

async fn prefer(graph: &Graph, token: Option<&str>, id: &Value, channel: &str, enabled: bool) {
    let update = json!({ "channel": channel, "category": "ORDERS", "enabled": enabled });
    let key = format!("{channel} {enabled}");
    let variables = json!({ "id": id, "input": { "updates": [update] }, "key": key });
    let updated = graph.query(token, PREFERENCES, variables).await;
    assert_eq!(
        updated["data"]["notificationPreferencesUpdate"]["updated"], 1,
        "{updated:#}"
    );
}

#[tokio::test]
async fn the_customer_is_told_of_each_step_once_by_the_preferences_in_force() {
    for layout in layouts() {
        let scratch = tempfile::tempdir().unwrap();
        let third_parties = ThirdParties::start(scratch.path()).await;
        let Some(mut settings) = settings(layout, &third_parties) else {
            continue;
        };
        settings.extend(third_parties.message_settings());
        let carrier = third_parties.process.base.clone();
        settings.push(("VANTAGE_PROVIDERS__DHL__URL", carrier));
        settings.push((
            "VANTAGE_PROVIDERS__DHL__KEY",
            "a key of a journey".to_owned(),
        ));
        let often = "VANTAGE_TRACKING__CARRIERS__DHL__POLL_INTERVAL";
        settings.push((often, "1s".to_owned()));
        let settings: Vec<_> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let graph = Graph::start(layout, &settings, &[]).await;
        let process = |domain: &str| match layout {
            Layout::Separate => {
                let position = DOMAINS.iter().position(|one| *one == domain);
                &graph.subgraphs[position.unwrap()].base
            }
            Layout::Sqlite | Layout::Postgres => &graph.router.base,
        };
        third_parties.send_parcel_webhooks(process("returns")).await;
        third_parties.send_payment_webhooks(process("orders")).await;
        third_parties
            .load_payments(&graph.database("orders").await)
            .await;
        let token = graph.demo_token().await;
        let token = Some(token.as_str());
        let mut client = Client::connect(&graph.router.base, token).await;
        let payload = json!({ "query": LIVE });
        client
            .send(json!({ "id": "1", "type": "subscribe", "payload": payload }))
            .await;

        let me = graph.query(token, "{ me { id } }", json!({})).await;
        let me = &me["data"]["me"];
        let contact = json!({ "phoneNumber": "+1 415 555 2671" });
        let answer = graph
            .query(token, CONTACT, json!({ "input": contact }))
            .await;
        assert_eq!(answer.get("errors"), None, "{answer:#}");
        let products = graph.query(token, PRODUCTS, json!({})).await;
        let product = &products["data"]["productSearch"]["nodes"][0];
        let placed = crate::orders::input(product, "pm_card_visa");
        let placed = graph
            .query(token, PLACE, json!({ "input": placed, "key": "o" }))
            .await;
        let order = placed["data"]["orderPlace"]["order"]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let confirmed = live(&mut client, "EMAIL", "is confirmed").await;
        assert_eq!(confirmed["deepLink"], format!("vantage://orders/{order}"));
        let mail = email(&third_parties, "is confirmed").await;
        assert_eq!(mail["to"], json!(["demo@vantage.example"]));
        let title = product["title"].as_str().unwrap();
        assert!(mail["text"].as_str().unwrap().contains(title), "{mail:#}");
        assert!(
            !mail["subject"].as_str().unwrap().contains("ord_"),
            "{mail:#}"
        );
        let mut devices = until("both devices have it", async || {
            let devices = pushed(&third_parties, "is confirmed").await;
            (devices.len() == 2).then_some(devices)
        })
        .await;
        devices.sort_unstable();
        assert_eq!(devices, ["demo-browser-0", "demo-phone-0"], "{layout:?}");
        let texts = until("the text message", async || {
            let sent = third_parties.get("/_control/text_messages").await;
            let texts = sent["messages"].as_array().unwrap().clone();
            (!texts.is_empty()).then_some(texts)
        })
        .await;
        assert_eq!(texts[0]["to"], "+14155552671", "{texts:#?}");

        // The parcel is on its way, and arrives.
        let customer = me["id"].as_str().unwrap();
        let parcel = send_parcel(&graph, &order, customer).await;
        for (status, title) in [
            ("SHIPPED", "is on its way"),
            ("OUT_FOR_DELIVERY", "arrives today"),
            ("DELIVERED", "has been delivered"),
        ] {
            third_parties.set_status(&parcel, status).await;
            live(&mut client, "PUSH", title).await;
        }

        // From here on without push messages.
        prefer(&graph, token, &me["id"], "PUSH", false).await;
        let before = third_parties.pushed().await.len();
        let account = graph.query(token, ORDERS, json!({})).await;
        let orders = account["data"]["me"]["orders"]["nodes"].as_array().unwrap();
        let (bought, item) = find(orders, |judged| judged["eligible"] == true);
        let made = graph
            .query(token, CREATE, input(&bought["id"], &item["id"], "k"))
            .await;
        let id = made["data"]["returnCreate"]["return"]["id"].clone();
        live(&mut client, "EMAIL", "received your return").await;
        let answer = labelled(&graph, token, &id).await;
        let label = &answer["data"]["returnLabelGenerate"]["return"]["label"];
        let number = label["trackingNumber"].as_str().unwrap();
        live(&mut client, "EMAIL", "label is ready").await;
        third_parties.scan(number, "pickup").await;
        live(&mut client, "EMAIL", "on its way to us").await;
        email(&third_parties, "Your refund of").await;

        // The last step is not told by email either, which is turned off before.
        let answer = graph
            .query(token, "{ me { unreadNotifications } }", json!({}))
            .await;
        let unread = answer["data"]["me"]["unreadNotifications"].as_i64();
        assert!(unread >= Some(12), "{answer:#}");
        prefer(&graph, token, &me["id"], "EMAIL", false).await;
        third_parties.scan(number, "delivered").await;
        let suppressed = until("the last email is suppressed", async || {
            let listed = graph
                .run(&["notifications", "list", "--status", "suppressed"])
                .await;
            let lines = listed.lines();
            let is_it = |line: &&str| line.contains("return.completed") && line.contains("email");
            lines.clone().find(is_it).map(|_| listed.clone())
        })
        .await;
        assert!(suppressed.contains("reason=opted_out"), "{suppressed}");
        assert_eq!(third_parties.pushed().await.len(), before, "{layout:?}");
        let mails = third_parties.mails().await;
        let mut ids: Vec<_> = mails
            .iter()
            .map(|mail| mail["message_id"].as_str().unwrap())
            .collect();
        let sent = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), sent, "{layout:?}: each once");
        assert!(
            mails
                .iter()
                .all(|mail| !mail["subject"].as_str().unwrap().contains("is complete"))
        );
        graph.stop().await;
    }
}
