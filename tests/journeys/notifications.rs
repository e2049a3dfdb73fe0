//! Messages to the demo customer: from an order to each step of a return, live, by email and on the command line.

use serde_json::{Value, json};

use crate::kit::{DOMAINS, Graph, Layout, layouts};
use crate::orders::{PLACE, PRODUCTS};
use crate::refunds::{CREATE, LABEL, ORDERS, find, input, settings};
use crate::third_parties::ThirdParties;
use crate::tracking_client::Client;
use crate::wait::until;

const LIVE: &str = "subscription { notificationReceived { id channel title status deepLink } }";

const PREFERENCES: &str = "mutation($id: ID!, $input: NotificationPreferencesUpdateInput!, $key: String!) { notificationPreferencesUpdate(customerId: $id, input: $input, idempotencyKey: $key) { updated userErrors { code } } }";

/// The customer's emails so far, oldest first.
async fn emails(third_parties: &ThirdParties) -> Vec<Value> {
    let mails = third_parties.get("/_control/mails").await;
    mails["mails"].as_array().unwrap().clone()
}

async fn email(third_parties: &ThirdParties, subject: &str) -> Value {
    until(subject, async || {
        let mails = emails(third_parties).await;
        let is_it = |mail: &Value| mail["subject"].as_str().unwrap().contains(subject);
        mails.into_iter().find(is_it)
    })
    .await
}

/// The next live email about this.
async fn live(client: &mut Client, title: &str) -> Value {
    loop {
        let message = client.receive().await;
        assert_eq!(message["type"], "next", "{message:#}");
        let received = message["payload"]["data"]["notificationReceived"].clone();
        let is_it = received["title"].as_str().unwrap().contains(title);
        if is_it && received["channel"] == "EMAIL" {
            assert_eq!(received["status"], "SENT");
            return received;
        }
    }
}

#[tokio::test]
async fn the_customer_is_told_of_each_step_once_by_the_preferences_in_force() {
    for layout in layouts() {
        let scratch = tempfile::tempdir().unwrap();
        let third_parties = ThirdParties::start(scratch.path()).await;
        let Some(mut settings) = settings(layout, &third_parties) else {
            continue;
        };
        settings.push((
            "VANTAGE_PROVIDERS__SMTP__URL",
            third_parties.mail_server.clone(),
        ));
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
        let confirmed = live(&mut client, "is confirmed").await;
        assert_eq!(confirmed["deepLink"], format!("vantage://orders/{order}"));
        let mail = email(&third_parties, "is confirmed").await;
        assert_eq!(mail["to"], json!(["demo@vantage.example"]));
        let title = product["title"].as_str().unwrap();
        assert!(mail["text"].as_str().unwrap().contains(title), "{mail:#}");
        assert!(
            !mail["subject"].as_str().unwrap().contains("ord_"),
            "{mail:#}"
        );

        let account = graph.query(token, ORDERS, json!({})).await;
        let orders = account["data"]["me"]["orders"]["nodes"].as_array().unwrap();
        let (bought, item) = find(orders, |judged| judged["eligible"] == true);
        let made = graph
            .query(token, CREATE, input(&bought["id"], &item["id"], "k"))
            .await;
        let id = made["data"]["returnCreate"]["return"]["id"].clone();
        live(&mut client, "received your return").await;
        let answer = graph
            .query(token, LABEL, json!({ "id": id, "key": "l" }))
            .await;
        let label = &answer["data"]["returnLabelGenerate"]["return"]["label"];
        let number = label["trackingNumber"].as_str().unwrap();
        live(&mut client, "label is ready").await;
        third_parties.scan(number, "pickup").await;
        live(&mut client, "on its way to us").await;
        email(&third_parties, "Your refund of").await;

        // The last step is not told by email, which is turned off before.
        let me = graph
            .query(token, "{ me { id unreadNotifications } }", json!({}))
            .await;
        let me = &me["data"]["me"];
        assert!(me["unreadNotifications"].as_i64() >= Some(5), "{me:#}");
        let off =
            json!({ "updates": [{ "channel": "EMAIL", "category": "ORDERS", "enabled": false }] });
        let variables = json!({ "id": me["id"], "input": off, "key": "off" });
        let updated = graph.query(token, PREFERENCES, variables).await;
        assert_eq!(
            updated["data"]["notificationPreferencesUpdate"]["updated"], 1,
            "{updated:#}"
        );
        third_parties.scan(number, "delivered").await;
        let suppressed = until("the last email is suppressed", async || {
            let listed = graph
                .run(&["notifications", "list", "--status", "suppressed"])
                .await;
            listed.contains("return.completed").then_some(listed)
        })
        .await;
        assert!(suppressed.contains("reason=opted_out"), "{suppressed}");
        let mails = emails(&third_parties).await;
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
