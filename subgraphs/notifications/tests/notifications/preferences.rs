//! The preference matrix by query and mutation.

use notifications::Migrator;
use resolvers::id::IdKind;
use resolvers::testing::{code, execute};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{MATRIX, REGISTER, UPDATE, fixtures};

pub(crate) fn cell<'a>(matrix: &'a Value, channel: &str, category: &str) -> &'a Value {
    matrix["preferences"]
        .as_array()
        .unwrap()
        .iter()
        .find(|cell| cell["channel"] == channel && cell["category"] == category)
        .unwrap()
}

#[tokio::test]
async fn a_new_customer_has_the_twelve_default_cells() {
    for fixture in fixtures().await {
        let matrix = fixture.matrix().await;
        assert_eq!(matrix["preferences"].as_array().unwrap().len(), 12);
        assert_eq!(matrix["timezone"], "UTC");
        assert_eq!(cell(&matrix, "PUSH", "DEALS")["enabled"], true);
        assert_eq!(cell(&matrix, "SMS", "DEALS")["enabled"], false);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_length_of_a_key_is_counted_in_characters() {
    for fixture in fixtures().await {
        let name = fixture.scratch.name;
        let input =
            json!({ "updates": [{ "channel": "PUSH", "category": "DEALS", "enabled": false }] });
        let longest = "ü".repeat(255);
        for _ in 0..2 {
            let answer = fixture.update(&longest, input.clone()).await;
            assert_eq!(answer["errors"], Value::Null, "{name} {answer}");
        }
        assert_eq!(fixture.events().await.len(), 1, "{name}");
        for refused in [String::new(), format!("{longest}ü")] {
            let answer = fixture.update(&refused, input.clone()).await;
            assert_eq!(code(&answer), "BAD_USER_INPUT", "{name}");
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_update_changes_only_the_named_cells_and_reports_the_topics() {
    for fixture in fixtures().await {
        for token in ["phone", "tablet"] {
            let variables = json!({ "token": token, "region": "us" });
            let answer = execute(
                &fixture.subgraph,
                Some(fixture.customer),
                REGISTER,
                variables,
            )
            .await;
            assert_eq!(answer["errors"], Value::Null, "{answer}");
        }
        let answer = fixture
            .update(
                "k1",
                json!({
                    "timezone": "America/New_York",
                    "updates": [
                        { "channel": "PUSH", "category": "DEALS", "enabled": false,
                          "quietHours": { "start": "22:00", "end": "07:00" } },
                        { "channel": "PUSH", "category": "SOCIAL", "enabled": true },
                    ],
                }),
            )
            .await;
        insta::allow_duplicates! {
            insta::assert_json_snapshot!(answer, @r#"
            {
              "data": {
                "notificationPreferencesUpdate": {
                  "updated": 2,
                  "topicChanges": [
                    {
                      "topic": "vantage-deals-us",
                      "action": "UNSUBSCRIBED",
                      "deviceTokens": 2
                    },
                    {
                      "topic": "vantage-social-activity",
                      "action": "SUBSCRIBED",
                      "deviceTokens": 2
                    }
                  ],
                  "notificationPreferences": {
                    "timezone": "America/New_York"
                  },
                  "updatedAt": "2025-09-29T09:18:45.000Z",
                  "userErrors": []
                }
              }
            }
            "#);
        }
        let matrix = fixture.matrix().await;
        let deals = cell(&matrix, "PUSH", "DEALS");
        assert_eq!(deals["enabled"], false);
        assert_eq!(
            deals["quietHours"],
            json!({ "start": "22:00", "end": "07:00" })
        );
        assert_eq!(cell(&matrix, "EMAIL", "DEALS")["enabled"], true);

        // Absent keeps the value, null clears it.
        let cleared =
            json!({ "updates": [{ "channel": "PUSH", "category": "DEALS", "quietHours": null }] });
        fixture.update("k2", cleared).await;
        let matrix = fixture.matrix().await;
        let deals = cell(&matrix, "PUSH", "DEALS");
        assert_eq!(
            (&deals["enabled"], &deals["quietHours"]),
            (&json!(false), &Value::Null)
        );
        assert_eq!(matrix["timezone"], "America/New_York");

        let sequences: Vec<_> = fixture.events().await.iter().map(|e| e.sequence).collect();
        assert_eq!(sequences, [1, 2], "one event a change, in order");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_token_is_as_long_as_every_database_can_index() {
    for fixture in fixtures().await {
        // Random, because an index entry is compressed before its size is checked.
        let token: String = (0..64)
            .map(|_| Uuid::new_v4().simple().to_string())
            .collect();
        for (token, errors) in [
            (token.clone(), json!([])),
            (token + "x", json!([{ "code": "INVALID_TOKEN" }])),
        ] {
            let variables = json!({ "token": token, "region": null });
            let caller = Some(fixture.customer);
            let answer = execute(&fixture.subgraph, caller, REGISTER, variables).await;
            assert_eq!(
                answer["data"]["deviceRegister"]["userErrors"], errors,
                "{answer}"
            );
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_device_is_in_one_of_the_regions_that_topics_have() {
    for fixture in fixtures().await {
        for (region, errors) in [
            (json!("eu"), json!([])),
            (json!("mars"), json!([{ "code": "INVALID_REGION" }])),
        ] {
            let variables = json!({ "token": "a token", "region": region });
            let caller = Some(fixture.customer);
            let answer = execute(&fixture.subgraph, caller, REGISTER, variables).await;
            assert_eq!(
                answer["data"]["deviceRegister"]["userErrors"], errors,
                "{answer}"
            );
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn one_key_has_one_effect_however_often_it_is_sent_at_once() {
    let input = json!({ "updates": [{ "channel": "SMS", "category": "DEALS", "enabled": true }] });
    for fixture in fixtures().await {
        let calls = (0..64).map(|_| fixture.update("same", input.clone()));
        let answers = futures::future::join_all(calls).await;
        for answer in &answers {
            assert_eq!(answer, &answers[0], "{}", fixture.scratch.name);
        }
        assert_eq!(
            answers[0]["data"]["notificationPreferencesUpdate"]["updated"],
            1
        );
        assert_eq!(fixture.events().await.len(), 1);

        let other =
            json!({ "updates": [{ "channel": "SMS", "category": "DEALS", "enabled": false }] });
        assert_eq!(code(&fixture.update("same", other).await), "CONFLICT");
        assert_eq!(
            code(&fixture.update("", input.clone()).await),
            "BAD_USER_INPUT"
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn another_customers_preferences_are_forbidden_and_a_visitor_must_sign_in() {
    for fixture in fixtures().await {
        let variables = json!({
            "customer": IdKind::Customer.format(Uuid::now_v7()),
            "input": { "updates": [] },
            "key": "k",
        });
        let answer = execute(
            &fixture.subgraph,
            Some(fixture.customer),
            UPDATE,
            variables.clone(),
        )
        .await;
        assert_eq!(code(&answer), "FORBIDDEN");
        assert_eq!(
            answer["errors"][0]["message"],
            "You can only update your own notification preferences"
        );
        let answer = execute(&fixture.subgraph, None, UPDATE, variables.clone()).await;
        assert_eq!(code(&answer), "UNAUTHENTICATED");
        let answer = execute(&fixture.subgraph, Some(fixture.customer), MATRIX, variables).await;
        assert_eq!(code(&answer), "FORBIDDEN");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn every_mistake_in_the_input_is_told_at_once_and_nothing_is_written() {
    for fixture in fixtures().await {
        let update = json!({ "channel": "PUSH", "category": "DEALS",
            "quietHours": { "start": "22:00", "end": "22:00" } });
        let input = json!({ "timezone": "Mars/Olympus", "updates": [update, update] });
        let answer = fixture.update("k", input).await;
        let codes: Vec<_> = answer["data"]["notificationPreferencesUpdate"]["userErrors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["code"].as_str().unwrap())
            .collect();
        assert_eq!(
            codes,
            [
                "INVALID_TIMEZONE",
                "INVALID_QUIET_HOURS",
                "INVALID_QUIET_HOURS",
                "DUPLICATE_PREFERENCE"
            ]
        );
        assert!(fixture.events().await.is_empty());
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn quiet_hours_are_written_with_two_digits_each() {
    for fixture in fixtures().await {
        for start in ["7:00", " 7:00", "07:0", "24:00"] {
            let update = json!({ "channel": "PUSH", "category": "DEALS",
                "quietHours": { "start": start, "end": "08:00" } });
            let answer = fixture.update("k", json!({ "updates": [update] })).await;
            let message = answer["errors"][0]["message"].as_str().unwrap_or_default();
            assert!(message.contains("two digits each"), "{start}: {answer}");
        }
        assert!(fixture.events().await.is_empty());
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    use sea_orm::ConnectionTrait;
    for fixture in fixtures().await {
        let database = &fixture.scratch.database;
        database
            .write()
            .execute_unprepared(
                "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_later', 0); \
                 UPDATE schema_compatibility SET oldest_release = '1000.0.0'",
            )
            .await
            .unwrap();
        let connection = database.connect_for_migrations().await.unwrap();
        let error = migrations::migrate::<Migrator>(&connection)
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("m29990101_000001_later"),
            "{error}"
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_fails_at_any_step_leaves_one_whole_update_for_a_key() {
    use platform::database::faults::Fault;
    for fixture in fixtures().await {
        let faults = fixture.scratch.database.faults();
        let mut keys = 0;
        for fault in Fault::ALL {
            for step in 0.. {
                let case = format!("{} {fault:?} at {step}", fixture.scratch.name);
                // The last acknowledged value is the stored one.
                let enabled = keys % 2 == 0;
                let input = json!({
                    "updates": [{ "channel": "SMS", "category": "DEALS", "enabled": enabled }],
                });
                faults.fail_after(step, fault);
                fixture.update(&case, input.clone()).await;
                let is_past_the_end = faults.clear();
                let again = fixture.update(&case, input).await;
                let updated = &again["data"]["notificationPreferencesUpdate"]["updated"];
                assert_eq!(updated, 1, "{case}: {again:#}");
                keys += 1;
                let matrix = fixture.matrix().await;
                assert_eq!(cell(&matrix, "SMS", "DEALS")["enabled"], enabled, "{case}");
                assert_eq!(fixture.events().await.len(), keys, "{case}");
                if is_past_the_end {
                    break;
                }
            }
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn null_turns_no_cell_on_or_off() {
    for fixture in fixtures().await {
        let update = |enabled: Value| json!({ "updates": [{ "channel": "PUSH", "category": "DEALS", "enabled": enabled }] });
        fixture.update("off", update(json!(false))).await;
        let refused = fixture.update("null", update(Value::Null)).await;
        assert_eq!(code(&refused), "BAD_USER_INPUT", "{refused}");
        let both = json!({ "updates": [
            { "channel": "SMS", "category": "DEALS", "enabled": true },
            { "channel": "PUSH", "category": "DEALS", "enabled": null },
        ] });
        assert_eq!(code(&fixture.update("both", both).await), "BAD_USER_INPUT");
        let matrix = fixture.matrix().await;
        assert_eq!(cell(&matrix, "PUSH", "DEALS")["enabled"], false);
        assert_eq!(cell(&matrix, "SMS", "DEALS")["enabled"], false);
        assert_eq!(fixture.events().await.len(), 1);

        // Absent and null are different inputs for an idempotency key, too.
        let hours = json!({ "start": "22:00", "end": "07:00" });
        let quiet = |hours: Option<Value>| {
            let mut cell = json!({ "channel": "PUSH", "category": "DEALS" });
            if let Some(hours) = hours {
                cell["quietHours"] = hours;
            }
            json!({ "updates": [cell] })
        };
        fixture.update("quiet", quiet(Some(hours.clone()))).await;
        fixture.update("absent", quiet(None)).await;
        let matrix = fixture.matrix().await;
        assert_eq!(cell(&matrix, "PUSH", "DEALS")["quietHours"], hours);
        assert_eq!(cell(&matrix, "PUSH", "DEALS")["enabled"], false);
        let other = fixture.update("absent", quiet(Some(Value::Null))).await;
        assert_eq!(code(&other), "CONFLICT", "{other}");
        fixture.update("clear", quiet(Some(Value::Null))).await;
        let matrix = fixture.matrix().await;
        assert_eq!(cell(&matrix, "PUSH", "DEALS")["quietHours"], Value::Null);
        fixture.scratch.drop().await;
    }
}
