//! The rights of a customer, through the running binary: everything that is stored of them is exported, and erased but for
//! what accounting needs, once nothing is open.

use std::path::Path;
use std::process::Stdio;

use chrono::{TimeDelta, Utc};
use entities::insert_many;
use entities::orders::customer;
use resolvers::id::IdKind;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kit::{DOMAINS, Graph, Layout, layouts, vantage};
use crate::orders::{PLACE, PRODUCTS, input};
use crate::third_parties::ThirdParties;
use crate::wait::{until, until_it};

const EMAIL: &str = "ada.privacy@example.com";
const PHONE: &str = "+14155550199";

/// What must not be found anywhere once they are erased.
const PERSONAL: [&str; 4] = ["Ada Lovelace", "Grimmaische Str. 1", EMAIL, PHONE];

const ME: &str = "{ me { id email name orders(first: 5) { totalCount nodes { id status shippingAddress { name line1 city countryCode } } } } }";

const CANCEL: &str = "mutation($id: ID!) { orderCancel(id: $id, reason: \"found it cheaper\", idempotencyKey: \"c\") { userErrors { code } } }";

const CONTACT: &str = "mutation($input: NotificationContactUpdateInput!) { notificationContactUpdate(input: $input) { userErrors { code } } }";

const PREFER: &str = "mutation($customer: ID!, $input: NotificationPreferencesUpdateInput!) { notificationPreferencesUpdate(customerId: $customer, input: $input, idempotencyKey: \"p\") { userErrors { code } } }";

const VIEW: &str = "mutation($input: SearchEventInput!) { searchEventRecord(input: $input) { recorded userErrors { code } } }";

/// A customer of the shop, with a token, who has ordered nothing.
struct Ada<'a> {
    graph: &'a Graph,
    id: String,
    token: String,
}

impl<'a> Ada<'a> {
    async fn join(graph: &'a Graph) -> Self {
        let row = customer::Model {
            id: Uuid::now_v7(),
            email: EMAIL.to_owned(),
            name: "Ada Lovelace".to_owned(),
            created_at: Utc::now() - TimeDelta::days(1),
        };
        let id = IdKind::Customer.format(row.id);
        let orders = graph.database("orders").await;
        insert_many::<customer::Entity>(orders.write(), vec![row])
            .await
            .unwrap();
        orders.close().await;
        let token = graph.run(&["token", "--customer", &id]).await;
        Self { graph, id, token }
    }

    /// The data of an answer without errors.
    async fn ask(&self, document: &str, variables: Value) -> Value {
        let mut answer = self
            .graph
            .query(Some(&self.token), document, variables)
            .await;
        assert_eq!(answer["errors"], Value::Null, "{answer:#}");
        answer["data"].take()
    }

    /// Orders something, and returns the order's id.
    async fn order(&self, key: &str) -> String {
        let found = self.ask(PRODUCTS, json!({})).await;
        let product = &found["productSearch"]["nodes"][0];
        let input = input(product, "pm_card_visa");
        let placed = self.ask(PLACE, json!({ "input": input, "key": key })).await;
        let payload = &placed["orderPlace"];
        assert_eq!(payload["userErrors"], json!([]), "{placed:#}");
        let view = json!({ "kind": "VIEW", "productId": product["id"] });
        let viewed = self.ask(VIEW, json!({ "input": view })).await;
        assert_eq!(viewed["searchEventRecord"]["recorded"], true, "{viewed}");
        payload["order"]["id"].as_str().unwrap().to_owned()
    }

    async fn choose(&self) {
        let contact = json!({ "input": { "phoneNumber": PHONE } });
        let set = self.ask(CONTACT, contact).await;
        let errors = &set["notificationContactUpdate"]["userErrors"];
        assert_eq!(errors, &json!([]), "{set}");
        let updates = json!([{ "channel": "PUSH", "category": "DEALS", "enabled": false }]);
        let input = json!({ "updates": updates });
        let variables = json!({ "customer": self.id, "input": input });
        let set = self.ask(PREFER, variables).await;
        let errors = &set["notificationPreferencesUpdate"]["userErrors"];
        assert_eq!(errors, &json!([]), "{set}");
    }

    /// What `vantage customer export` prints.
    async fn export(&self) -> Value {
        let printed = self.graph.run(&["customer", "export", &self.id]).await;
        serde_json::from_str(&printed).unwrap()
    }
}

/// Which of these texts are in the files of the databases.
fn found_in(data: &Path, texts: &[&'static str]) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(data).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.contains(".sqlite") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        let content = String::from_utf8_lossy(&bytes);
        let texts = texts.iter().filter(|text| content.contains(**text));
        found.extend(texts.map(|text| (*text, name.clone())));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_gets_what_is_stored_of_them_and_is_erased_in_every_layout() {
    for layout in layouts() {
        let scratch = tempfile::tempdir().unwrap();
        let stripe = ThirdParties::start(scratch.path()).await;
        let mut settings = stripe.settings();
        settings.push(("VANTAGE_DEMO__ORDERS", "40".to_owned()));
        settings.push(("VANTAGE_SANDBOX__ENABLED", "false".to_owned()));
        let settings: Vec<_> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let graph = Graph::start(layout, &settings, &[]).await;
        let ada = Ada::join(&graph).await;
        ada.choose().await;
        let order = ada.order("first").await;

        let before = ada.export().await;
        let domains = &before["domains"];
        assert_eq!(before["customerId"], ada.id.as_str(), "{layout:?}");
        let known = &domains["orders"]["customers"][0];
        assert_eq!(known["email"], EMAIL, "{layout:?}: {before:#}");
        let stored = &domains["orders"]["orders"][0];
        assert_eq!(stored["id"], order.as_str(), "{layout:?}");
        assert_eq!(stored["shippingAddress"]["line1"], "Grimmaische Str. 1");
        assert_eq!(stored["total"]["currency"], "EUR", "{stored:#}");
        assert!(
            stored["total"]["minorUnits"].as_i64() > Some(0),
            "{stored:#}"
        );
        let notifications = &domains["notifications"];
        assert_eq!(notifications["settings"][0]["phone"], PHONE, "{before:#}");
        assert_eq!(notifications["preferences"][0]["enabled"], false);
        let signals = domains["search"]["signals"].as_array().unwrap();
        assert!(
            signals.iter().any(|one| one["kind"] == "view"),
            "{before:#}"
        );
        assert_eq!(domains["pricing"], json!({}), "{layout:?}");

        let erase = ["customer", "erase", ada.id.as_str()];
        let refused = graph.fail(&[&erase[..], &["--yes"]].concat()).await;
        assert!(refused.contains(&order), "{layout:?}: {refused}");
        let unconfirmed = vantage(graph.data())
            .args(erase)
            .envs(graph.environment())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .await
            .unwrap();
        let told = String::from_utf8_lossy(&unconfirmed.stderr);
        assert!(!unconfirmed.status.success(), "{layout:?}: {told}");
        assert!(told.contains("--yes"), "{layout:?}: {told}");
        until("the order is confirmed", async || {
            let me = ada.ask(ME, json!({})).await;
            let order = &me["me"]["orders"]["nodes"][0];
            (order["status"] == "CONFIRMED").then_some(())
        })
        .await;
        let cancelled = ada.ask(CANCEL, json!({ "id": order })).await;
        let errors = &cancelled["orderCancel"]["userErrors"];
        assert_eq!(errors, &json!([]), "{cancelled}");
        let dry_run = [&erase[..], &["--dry-run"]].concat();
        until("the payment is settled", async || {
            let printed = graph.run(&dry_run).await;
            (!printed.contains("cannot be erased yet")).then_some(())
        })
        .await;
        // A dry run changes nothing.
        let unchanged = &ada.export().await["domains"]["orders"]["customers"];
        assert_eq!(unchanged, &domains["orders"]["customers"], "{layout:?}");

        let printed = graph.run(&[&erase[..], &["--yes"]].concat()).await;
        assert!(printed.contains("customers 1"), "{layout:?}: {printed}");
        let file = scratch.path().join("export.json");
        let file = file.to_str().unwrap();
        graph
            .run(&["customer", "export", &ada.id, "--output", file])
            .await;
        let after = std::fs::read_to_string(file).unwrap();
        for text in PERSONAL {
            assert!(!after.contains(text), "{layout:?}: {text} in {after}");
        }
        let after: Value = serde_json::from_str(&after).unwrap();
        let domains = &after["domains"];
        let accounting = &domains["orders"]["orders"][0];
        assert_eq!(accounting["total"], stored["total"], "{layout:?}");
        assert_eq!(accounting["shippingAddress"]["countryCode"], "DE");
        assert_eq!(domains["orders"]["customers"][0]["email"], Value::Null);
        assert_eq!(domains["notifications"]["settings"], Value::Null);
        assert_eq!(domains["search"]["signals"], Value::Null, "{after:#}");

        // The API shows the rest, and repeating it changes nothing.
        let me = ada.ask(ME, json!({})).await;
        let address = json!({ "name": "", "line1": "", "city": "", "countryCode": "DE" });
        let expected = json!({ "me": {
            "id": ada.id, "email": "", "name": "",
            "orders": { "totalCount": 1, "nodes": [
                { "id": order, "status": "CANCELLED", "shippingAddress": address },
            ] },
        } });
        assert_eq!(me, expected, "{layout:?}");
        let printed = graph.run(&[&erase[..], &["--yes"]].concat()).await;
        for domain in ["orders", "returns", "search"] {
            let nothing = format!("{domain}: nothing to erase");
            assert!(printed.contains(&nothing), "{layout:?}: {printed}");
        }

        if layout == Layout::Sqlite {
            let left = async || {
                for domain in DOMAINS {
                    let database = graph.database(domain).await;
                    database.checkpoint().await.unwrap();
                    database.close().await;
                }
                found_in(graph.data(), &PERSONAL)
            };
            until_it(left, |found| found.is_empty()).await;
        }

        // Who comes back is a customer like any other.
        let again = ada.order("second").await;
        let after = ada.export().await;
        let orders = after["domains"]["orders"]["orders"].as_array().unwrap();
        assert_eq!(orders.len(), 2, "{layout:?}");
        let refused = graph.fail(&[&erase[..], &["--yes"]].concat()).await;
        assert!(refused.contains(&again), "{layout:?}: {refused}");
        graph.stop().await;
    }
}
