//! Rows written by a newer version, with values unknown to this one: reading them gives a coded error, and nothing is
//! lost.

use chrono::Utc;
use entities::notifications::notification::{self, DeliveryStatus};
use entities::notifications::preference::{self, NotificationCategory, NotificationChannel};
use resolvers::id::IdKind;
use resolvers::testing::{code, execute};
use sea_orm::EntityTrait;
use sea_orm::sea_query::Expr;
use serde_json::{Value, json};

use crate::fixture::{Fixture, MATRIX, fixtures};

const FEED: &str = r#"query($customer: ID!) {
    _entities(representations: [{ __typename: "Customer", id: $customer }]) {
        ... on Customer { notifications { nodes { status } } }
    }
}"#;

/// Sets the column of every row, as another version might.
async fn set<E: EntityTrait>(fixture: &Fixture, column: E::Column, text: &str) {
    E::update_many()
        .col_expr(column, Expr::value(text))
        .exec(fixture.scratch.database.write())
        .await
        .unwrap();
}

async fn read(fixture: &Fixture, document: &str) -> Value {
    let variables = json!({ "customer": IdKind::Customer.format(fixture.customer) });
    execute(
        &fixture.subgraph,
        Some(fixture.customer),
        document,
        variables,
    )
    .await
}

#[tokio::test]
async fn a_message_in_an_unknown_state_is_an_error_and_no_row_that_vanished() {
    for fixture in fixtures().await {
        let (channel, category) = (NotificationChannel::Push, NotificationCategory::Orders);
        let message = notification::Model {
            title: "On its way".to_owned(),
            body: "Your order has left.".to_owned(),
            status: DeliveryStatus::Sent,
            ..notification::Model::new(fixture.customer, channel, category, Utc::now())
        };
        let db = fixture.scratch.database.write();
        entities::insert_many::<notification::Entity>(db, vec![message])
            .await
            .unwrap();
        set::<notification::Entity>(&fixture, notification::Column::Status, "teleported").await;
        let answer = read(&fixture, FEED).await;
        assert_eq!(
            code(&answer),
            "INTERNAL",
            "{}: {answer}",
            fixture.scratch.name
        );
        assert!(!answer.to_string().contains("teleported"), "{answer}");
        set::<notification::Entity>(&fixture, notification::Column::Status, "sent").await;
        let answer = read(&fixture, FEED).await;
        let feed = &answer["data"]["_entities"][0]["notifications"];
        assert_eq!(feed["nodes"], json!([{ "status": "SENT" }]), "{answer}");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_preference_of_an_unknown_channel_is_an_error_and_no_default() {
    for fixture in fixtures().await {
        let off =
            json!({ "updates": [{ "channel": "PUSH", "category": "DEALS", "enabled": false }] });
        let updated = fixture.update("off", off).await;
        assert_eq!(updated["errors"], Value::Null, "{updated}");
        set::<preference::Entity>(&fixture, preference::Column::Channel, "pigeon").await;
        let answer = read(&fixture, MATRIX).await;
        assert_eq!(
            code(&answer),
            "INTERNAL",
            "{}: {answer}",
            fixture.scratch.name
        );
        assert!(!answer.to_string().contains("pigeon"), "{answer}");
        set::<preference::Entity>(&fixture, preference::Column::Channel, "push").await;
        let matrix = fixture.matrix().await;
        let deals = crate::preferences::cell(&matrix, "PUSH", "DEALS");
        assert_eq!(deals["enabled"], false);
        fixture.scratch.drop().await;
    }
}
