//! Scheduling deals: by whom, for whom, and from a file.

use notifications::deals;
use platform::caller::Caller;
use resolvers::id::IdKind;
use resolvers::testing::code;
use serde_json::json;

use crate::shop::{SCHEDULE, customer, shops};

#[tokio::test]
async fn who_does_not_want_deals_is_reported_and_a_repeated_request_schedules_nothing_more() {
    for shop in shops("2026-06-01T12:00:00Z").await {
        shop.prefer(customer(2), None, json!({ "enabled": false }))
            .await;
        let ids = [1, 2, 3].map(|number| IdKind::Customer.format(customer(number)));
        let input = json!({
            "customerIds": ids,
            "title": "Sale", "body": "Today only", "windowEnd": "2026-06-02T00:00:00Z",
        });
        for _ in 0..2 {
            let answer = shop.ask("k1", input.clone()).await;
            let expected = json!({ "scheduled": 2, "suppressed": 1, "userErrors": [] });
            assert_eq!(answer["data"]["dealSchedule"], expected, "{answer}");
        }
        assert_eq!(shop.messages().await.len(), 3, "{}", shop.scratch.name);
        assert_eq!(shop.drain().await.sent, 2);
        let mut other = input;
        other["title"] = json!("Other");
        assert_eq!(code(&shop.ask("k1", other).await), "CONFLICT");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn only_marketing_schedules_deals_and_every_mistake_is_named() {
    for shop in shops("2026-06-01T12:00:00Z").await {
        let id = IdKind::Customer.format(customer(1));
        let input = json!({
            "customerIds": [id, "usr_1", id], "title": " ", "body": "x".repeat(1_001),
            "deepLink": "javascript:alert(1)", "imageUrl": "http://cdn.example.com/7.png",
            "windowStart": "2026-06-02T00:00:00Z", "windowEnd": "2026-06-01T18:00:00Z",
        });
        let variables = json!({ "input": input, "key": "k" });
        let visitor = shop
            .execute(Caller::default(), SCHEDULE, variables.clone())
            .await;
        assert_eq!(code(&visitor), "UNAUTHENTICATED");
        let refused = shop
            .execute(Caller::customer(id), SCHEDULE, variables)
            .await;
        assert_eq!(code(&refused), "FORBIDDEN");
        let answer = shop.ask("k", input).await;
        let errors: Vec<_> = answer["data"]["dealSchedule"]["userErrors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| (error["code"].as_str().unwrap(), error["field"].to_string()))
            .collect();
        assert_eq!(
            errors,
            [
                ("INVALID_TEXT", r#"["input","title"]"#.to_owned()),
                ("INVALID_TEXT", r#"["input","body"]"#.to_owned()),
                ("INVALID_LINK", r#"["input","deepLink"]"#.to_owned()),
                ("INVALID_LINK", r#"["input","imageUrl"]"#.to_owned()),
                ("INVALID_PERIOD", r#"["input","windowEnd"]"#.to_owned()),
                ("INVALID_ID", r#"["input","customerIds","1"]"#.to_owned()),
                (
                    "DUPLICATE_ITEM",
                    r#"["input","customerIds","2"]"#.to_owned()
                ),
            ]
        );
        assert_eq!(shop.messages().await, []);
        for count in [0, 1_001_u128] {
            let ids: Vec<_> = (0..count)
                .map(|number| IdKind::Customer.format(customer(number)))
                .collect();
            let input = json!({ "customerIds": ids, "title": "t", "body": "b", "windowEnd": "2026-06-02T00:00:00Z" });
            let answer = shop.ask("k", input).await;
            let error = &answer["data"]["dealSchedule"]["userErrors"][0]["code"];
            assert_eq!(error, "INVALID_ITEMS", "{answer}");
        }
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_file_is_scheduled_once_however_often_it_is_sent() {
    use deals::{FileFormat, Progress, schedule_file};
    for shop in shops("2026-06-01T12:00:00Z").await {
        let id = |number| IdKind::Customer.format(customer(number));
        let line = |number| format!("{},Sale,Today only,2026-06-02T00:00:00Z,high\n", id(number));
        let header = "customerId,title,body,windowEnd,priority\n";
        let csv = format!("{header}{}{}{}", line(1), line(2), line(1));
        let load = async |text: String, format, database| {
            let mut problems = Vec::new();
            let mut tell = |progress: Progress<'_>| {
                if let Progress::Problem {
                    line,
                    field,
                    message,
                } = progress
                {
                    problems.push(format!("{line} {field}: {message}"));
                }
            };
            let source = std::io::Cursor::new(text.into_bytes());
            let report = schedule_file(database, &shop.clock, source, format, &mut tell);
            (report.await.unwrap(), problems)
        };
        let database = &shop.scratch.database;
        let (report, _) = load(csv.clone(), FileFormat::Csv, None).await;
        assert_eq!(
            (report.deals, shop.messages().await.len()),
            (3, 0),
            "{}",
            shop.scratch.name
        );
        let (report, _) = load(csv.clone(), FileFormat::Csv, Some(database)).await;
        assert_eq!((report.scheduled.scheduled, report.scheduled.known), (2, 1));
        let (report, _) = load(csv, FileFormat::Csv, Some(database)).await;
        assert_eq!((report.scheduled.scheduled, report.scheduled.known), (0, 3));
        assert!(shop.queue().await.iter().all(|deal| deal.priority == 1));
        let json = format!(
            "{{\"customerId\": \"{}\", \"title\": \"\", \"body\": \"b\", \"windowEnd\": \"soon\", \"priority\": \"low\"}}\n{{\"customer\": 1}}\n",
            id(3)
        );
        let (report, problems) = load(json, FileFormat::Json, Some(database)).await;
        assert_eq!((report.deals, report.problems), (0, 4));
        assert_eq!(
            problems[..3],
            [
                "1 windowEnd: \"soon\" is not a time, such as 2025-11-28T00:00:00Z",
                "1 priority: \"LOW\" is neither NORMAL nor HIGH",
                "1 title: This must have 1 to 120 characters",
            ]
        );
        assert!(
            problems[3].starts_with("2 : unknown field `customer`"),
            "{problems:?}"
        );
        shop.scratch.drop().await;
    }
}
