//! A customer's push devices.

use entities::notifications::device_token;
use resolvers::testing::execute;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{REGISTER, fixtures};

#[tokio::test]
async fn a_customer_has_twenty_devices_and_the_oldest_go() {
    for fixture in fixtures().await {
        let register = async |customer: Uuid, token: &str| {
            let variables = json!({ "token": token, "region": "us" });
            let answer = execute(&fixture.subgraph, Some(customer), REGISTER, variables).await;
            assert_eq!(answer["errors"], Value::Null, "{answer}");
            answer["data"]["deviceRegister"]["deviceTokens"].clone()
        };
        let other = Uuid::now_v7();
        register(other, "theirs").await;
        for device in 0..25 {
            register(fixture.customer, &format!("device {device:02}")).await;
        }
        let db = fixture.scratch.database.read();
        let devices = device_token::of_customer(db, fixture.customer)
            .await
            .unwrap();
        let tokens: Vec<&str> = devices.iter().map(|device| &*device.token).collect();
        // All registered at the same moment, so their names decide.
        assert_eq!((tokens.len(), tokens[0]), (20, "device 05"));
        assert_eq!(register(fixture.customer, "device 24").await, 20);
        assert_eq!(register(other, "mine").await, 2);
        fixture.scratch.drop().await;
    }
}
