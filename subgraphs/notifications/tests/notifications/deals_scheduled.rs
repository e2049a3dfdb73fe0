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
        shop.know(&[customer(1), customer(3)]).await;
        shop.prefer(customer(2), None, json!({ "enabled": false }))
            .await;
        let ids = [1, 2, 3].map(|number| IdKind::Customer.format(customer(number)));
        let input = json!({
            "customerIds": ids,
            "title": "Sale", "body": "Today only", "windowEnd": "2026-06-02T00:00:00Z",
        });
        for _ in 0..2 {
            let answer = shop.ask("k1", input.clone()).await;
            let opted_out = json!({ "reason": "OPTED_OUT", "customerIds": [ids[1]] });
            let expected = json!({
                "scheduled": 2, "suppressed": 1, "notScheduled": [opted_out], "userErrors": [],
            });
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
        let nothing = json!({
            "customerIds": [IdKind::Customer.format(customer(1))],
            "title": "\u{200b}", "body": "\u{feff} \u{2060}", "windowEnd": "2026-06-02T00:00:00Z",
        });
        let answer = shop.ask("k", nothing).await;
        let invisible = json!([
            { "code": "INVALID_TEXT", "field": ["input", "title"] },
            { "code": "INVALID_TEXT", "field": ["input", "body"] },
        ]);
        let errors = &answer["data"]["dealSchedule"]["userErrors"];
        assert_eq!(errors, &invisible, "{answer}");
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
    use deals::{DealRun, FileFormat, Progress, schedule_file};
    for shop in shops("2026-06-01T12:00:00Z").await {
        let id = |number| IdKind::Customer.format(customer(number));
        let line = |number| format!("{},Sale,Today only,2026-06-02T00:00:00Z,high\n", id(number));
        let header = "customerId,title,body,windowEnd,priority\n";
        let csv = format!("{header}{}{}{}", line(1), line(2), line(1));
        let load = async |text: String, format, run: DealRun<'_>| {
            let mut problems = Vec::new();
            let mut tell = |progress: Progress<'_>| {
                if let Progress::Problem {
                    place,
                    field,
                    message,
                } = progress
                {
                    problems.push(format!("{} {field}: {message}", place.line));
                }
            };
            let source = std::io::Cursor::new(text.into_bytes());
            let report = schedule_file(run, &shop.clock, source, format, &mut tell);
            (report.await.unwrap(), problems)
        };
        shop.know(&[customer(1), customer(2)]).await;
        let run = DealRun::Schedule(&shop.scratch.database);
        let (report, _) = load(csv.clone(), FileFormat::Csv, DealRun::Check).await;
        assert_eq!(
            (report.deals, shop.messages().await.len()),
            (3, 0),
            "{}",
            shop.scratch.name
        );
        let (report, _) = load(csv.clone(), FileFormat::Csv, run).await;
        assert_eq!((report.scheduled.scheduled, report.scheduled.known), (2, 1));
        let (report, _) = load(csv, FileFormat::Csv, run).await;
        assert_eq!((report.scheduled.scheduled, report.scheduled.known), (0, 3));
        assert!(shop.queue().await.iter().all(|deal| deal.priority == 1));
        let json = format!(
            "{{\"customerId\": \"{}\", \"title\": \"\", \"body\": \"b\", \"windowEnd\": \"soon\", \"priority\": \"low\"}}\n{{\"customer\": 1}}\n",
            id(3)
        );
        let (report, problems) = load(json, FileFormat::Json, run).await;
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

#[tokio::test]
async fn a_deal_of_a_file_is_the_same_however_its_window_is_written() {
    use deals::{DealRun, FileFormat, Progress, schedule_file};
    for shop in shops("2026-06-01T12:00:00Z").await {
        let name = shop.scratch.name;
        shop.know(&[customer(1)]).await;
        let id = IdKind::Customer.format(customer(1));
        let schedule = async |start: &str, end: &str| {
            let text = format!(
                "customerId,title,body,windowStart,windowEnd\n{id},Sale,Today only,{start},{end}\n"
            );
            let source = std::io::Cursor::new(text.into_bytes());
            let mut tell = |_: Progress<'_>| {};
            let run = DealRun::Schedule(&shop.scratch.database);
            let report = schedule_file(run, &shop.clock, source, FileFormat::Csv, &mut tell);
            let counts = report.await.unwrap().scheduled;
            (counts.scheduled, counts.known)
        };
        let first = schedule("2026-06-01T18:00:00Z", "2026-06-02T00:00:00Z").await;
        assert_eq!(first, (1, 0), "{name}");
        // As files have been scheduled since before, which may be scheduled again.
        let known = shop.message().await.event_id.map(|id| id.to_string());
        assert_eq!(
            known.as_deref(),
            Some("e1f54dfb-896b-8d34-b362-9b428f37cf74"),
            "{name}"
        );
        for (start, end) in [
            ("2026-06-01T18:00:00+00:00", "2026-06-02T00:00:00.000Z"),
            ("2026-06-01T20:00:00+02:00", "2026-06-01T20:00:00-04:00"),
            ("2026-06-01T18:00:00.0Z", "2026-06-02T00:00:00.000000Z"),
        ] {
            assert_eq!(schedule(start, end).await, (0, 1), "{name} {start} {end}");
        }
        let later = schedule("2026-06-01T18:00:00.001Z", "2026-06-02T00:00:00Z").await;
        assert_eq!(later, (1, 0), "{name}");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_can_never_be_sent_is_told_apart_from_what_is_scheduled() {
    for shop in shops("2026-06-01T23:00:00Z").await {
        let name = shop.scratch.name;
        let [wanted, unwanted, asleep, unknown] = shop.different_customers().await;
        let ids = [unknown, asleep, unwanted, wanted].map(|id| IdKind::Customer.format(id));
        let input = |end: &str| json!({ "customerIds": ids, "title": "Sale", "body": "Tonight", "windowEnd": end });
        let reason =
            |reason: &str, index: usize| json!({ "reason": reason, "customerIds": [ids[index]] });
        // It ends before the quiet hours do.
        let answer = shop.ask("k1", input("2026-06-02T07:00:00Z")).await;
        let expected = json!({
            "scheduled": 1,
            "suppressed": 1,
            "notScheduled": [
                reason("OPTED_OUT", 2),
                reason("QUIET_HOURS", 1),
                reason("UNKNOWN_CUSTOMER", 0),
            ],
            "userErrors": [],
        });
        assert_eq!(answer["data"]["dealSchedule"], expected, "{name}: {answer}");
        let reasons: Vec<_> = shop
            .messages()
            .await
            .into_iter()
            .map(|row| (row.customer_id, row.reason))
            .collect();
        let kept = |customer, reason: Option<&str>| (customer, reason.map(str::to_owned));
        assert_eq!(
            reasons,
            [
                kept(asleep, Some("quiet_hours")),
                kept(unwanted, Some("opted_out")),
                kept(wanted, None),
            ],
            "{name}"
        );
        assert_eq!(shop.queue().await.len(), 1, "{name}");
        // A second later they are over.
        let answer = shop.ask("k2", input("2026-06-02T07:00:01Z")).await;
        let expected = json!([reason("OPTED_OUT", 2), reason("UNKNOWN_CUSTOMER", 0)]);
        let payload = &answer["data"]["dealSchedule"];
        assert_eq!(payload["notScheduled"], expected, "{name}: {answer}");
        assert_eq!(payload["scheduled"], 2, "{name}: {answer}");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_dry_run_gives_the_figures_of_the_run() {
    use deals::{DealRun, FileFormat, Progress, Scheduled, schedule_file};
    for shop in shops("2026-06-01T23:00:00Z").await {
        let name = shop.scratch.name;
        let [wanted, unwanted, asleep, unknown] = shop.different_customers().await;
        let mut file = "customerId,title,body,windowEnd\n".to_owned();
        let mut add = |customer, title: &str| {
            let id = IdKind::Customer.format(customer);
            file.push_str(&format!("{id},{title},Tonight,2026-06-02T03:00:00Z\n"));
        };
        for customer in [unwanted, asleep, unknown, wanted] {
            add(customer, "Sale");
        }
        // Further apart than what is scheduled at once.
        for number in 0..1_000 {
            add(wanted, &format!("Sale {number}"));
        }
        add(wanted, "Sale");
        add(unknown, "Sale");
        let load = async |run: DealRun<'_>| {
            let source = std::io::Cursor::new(file.clone().into_bytes());
            let mut tell = |_: Progress<'_>| {};
            let report = schedule_file(run, &shop.clock, source, FileFormat::Csv, &mut tell);
            report.await.unwrap().scheduled
        };
        let database = &shop.scratch.database;
        let expected = Scheduled {
            scheduled: 1_001,
            suppressed: 1,
            quiet_hours: 1,
            unknown_customer: 2,
            known: 1,
        };
        assert_eq!(load(DealRun::DryRun(database)).await, expected, "{name}");
        assert_eq!(shop.messages().await, [], "{name}");
        assert_eq!(load(DealRun::Schedule(database)).await, expected, "{name}");
        let again = load(DealRun::DryRun(database)).await;
        assert_eq!((again.scheduled, again.known), (0, 1_004), "{name}");
        shop.scratch.drop().await;
    }
}
