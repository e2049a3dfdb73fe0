//! Files of prices: imported as a whole, or not at all.

use std::io::{Cursor, Read};

use entities::insert_many;
use entities::pricing::price_adjustment;
use pricing::price_import::{FileFormat, ImportOptions, ImportReport, Progress, import};
use resolvers::id::IdKind;
use resolvers::testing::code;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{Fixture, PRICES, fixtures, representation};

impl Fixture {
    /// Imports a file, and returns the report with a line for each problem.
    async fn import(
        &self,
        file: impl Read + Send + 'static,
        format: FileFormat,
        dry_run: bool,
    ) -> (ImportReport, Vec<String>) {
        let mut problems = Vec::new();
        let options = ImportOptions {
            format,
            reason: "import of prices.csv".to_owned(),
            actor: "ops".to_owned(),
            dry_run,
        };
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
        let report = import(&self.state, file, options, &mut tell).await.unwrap();
        (report, problems)
    }

    async fn csv(&self, text: String) -> (ImportReport, Vec<String>) {
        self.import(Cursor::new(text), FileFormat::Csv, false).await
    }

    async fn dollars(&self, product: Uuid) -> Value {
        let prices = self.prices(&[product], json!("USD")).await;
        prices[0]["price"]["current"]["usd"]["amount"].clone()
    }
}

fn id(product: Uuid) -> String {
    IdKind::Product.format(product)
}

#[tokio::test]
async fn a_file_sets_prices_with_reason_and_actor() {
    for fixture in fixtures().await {
        let known = fixture.products(&[(2_000, Some(3_000))]).await[0];
        let new = Uuid::now_v7();
        let file = format!(
            "productId,baseUsd,compareAtUsd,kind,percent,effectiveAt\n{},,-,sale,-10,\n{},9.99,,,,\n{},12,,,,2026-01-01T00:00:00Z\n",
            id(known),
            id(new),
            id(known),
        );
        let report = ImportReport {
            changes: 3,
            scheduled: 1,
            problems: 0,
        };
        let dry = fixture
            .import(Cursor::new(file.clone()), FileFormat::Csv, true)
            .await;
        assert_eq!(dry, (report, Vec::new()));
        assert_eq!(
            fixture.dollars(known).await,
            "20.00",
            "a dry run changes nothing"
        );
        assert_eq!(fixture.csv(file).await, (report, Vec::new()));
        assert_eq!(fixture.dollars(known).await, "18.00");
        assert_eq!(fixture.dollars(new).await, "9.99");
        let events = fixture.events("pricing.events").await;
        assert_eq!(events.len(), 1, "for all of a thousand lines");
        assert_eq!(events[0]["prices"].as_array().unwrap().len(), 2);
        let json = json!([{ "productId": id(new), "baseUsd": 8.5, "reason": "sale" }]).to_string();
        let (report, problems) = fixture
            .import(Cursor::new(json), FileFormat::Json, false)
            .await;
        assert_eq!((report.changes, problems), (1, Vec::new()));
        assert_eq!(fixture.dollars(new).await, "8.50");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn every_problem_is_told_by_line_and_nothing_is_imported() {
    for fixture in fixtures().await {
        let known = fixture.products(&[(2_000, None)]).await[0];
        let file = format!(
            "productId,baseUsd,ifVersion\n{known},21,\n{known},22,\nprd_x,1,\n{new},9,1\n{other},1.005,\n",
            known = id(known),
            new = id(Uuid::now_v7()),
            other = id(Uuid::now_v7()),
        );
        let (report, problems) = fixture.csv(file.clone()).await;
        assert_eq!(report.problems, 4, "{problems:#?}");
        for (line, start) in [
            (0, "3 productId: This product is in line 2"),
            (1, "4 productId: "),
            (2, "5 ifVersion: The price has version 0"),
            (3, "6 baseUsd: The amount must be"),
        ] {
            assert!(
                problems.iter().any(|problem| problem.starts_with(start)),
                "{line} {problems:#?}"
            );
        }
        assert_eq!(fixture.dollars(known).await, "20.00");
        let (dry, same) = fixture
            .import(Cursor::new(file), FileFormat::Csv, true)
            .await;
        assert_eq!((dry, same), (report, problems));
        // A file that breaks off changes nothing either.
        let broken = format!("[{{\"productId\": \"{}\", \"baseUsd\": 1}},", id(known));
        let options = ImportOptions {
            format: FileFormat::Json,
            reason: "x".to_owned(),
            actor: "x".to_owned(),
            dry_run: false,
        };
        let error = import(&fixture.state, Cursor::new(broken), options, &mut |_| {})
            .await
            .unwrap_err();
        assert!(error.to_string().contains("not JSON"), "{error}");
        assert_eq!(fixture.dollars(known).await, "20.00");
        assert_eq!(fixture.events("pricing.events").await, [] as [Value; 0]);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_stored_adjustment_that_cannot_be_read_is_told_by_line_and_can_be_replaced() {
    for fixture in fixtures().await {
        let products = fixture.products(&[(2_000, None), (3_000, None)]).await;
        let [good, unreadable] = products[..] else {
            panic!("two products")
        };
        let sale = price_adjustment::Model {
            percent: Some("much".to_owned()),
            ..sale(&fixture, unreadable)
        };
        let db = fixture.scratch.database.write();
        insert_many::<price_adjustment::Entity>(db, vec![sale])
            .await
            .unwrap();
        let representations = [good, unreadable].map(representation);
        let variables = json!({ "products": representations, "currency": "USD" });
        let answer = fixture.ask(PRICES, variables).await;
        let read = &answer["data"]["_entities"];
        assert_eq!(read[0]["price"]["current"]["usd"]["amount"], "20.00");
        assert_eq!(read[1]["price"], Value::Null, "{answer}");
        assert_eq!(code(&answer), "INTERNAL", "for whoever reads the row");

        let file = |adjustments| {
            let (good, unreadable) = (id(good), id(unreadable));
            format!("productId,baseUsd,kind\n{good},21,\n{unreadable},31,{adjustments}\n")
        };
        let (report, problems) = fixture.csv(file("")).await;
        assert_eq!(report.problems, 1);
        let told =
            "3 adjustments: The price cannot change: an adjustment has the percentage \"much\"";
        assert!(problems[0].starts_with(told), "{problems:?}");
        assert_eq!(fixture.dollars(good).await, "20.00", "all or nothing");
        let (report, problems) = fixture.csv(file("-")).await;
        assert_eq!((report.changes, problems.len()), (2, 0), "{problems:?}");
        assert_eq!(fixture.dollars(good).await, "21.00");
        assert_eq!(fixture.dollars(unreadable).await, "31.00");
        fixture.scratch.drop().await;
    }
}

fn sale(fixture: &Fixture, product_id: Uuid) -> price_adjustment::Model {
    price_adjustment::Model {
        id: Uuid::now_v7(),
        product_id,
        kind: "sale".to_owned(),
        usd_minor: -100,
        active_from: fixture.clock.now(),
        active_until: None,
        percent: None,
    }
}

/// A file that is written while it is read.
struct Generated {
    next: u32,
    lines: u32,
    line: Vec<u8>,
}

impl Read for Generated {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.line.is_empty() && self.next < self.lines {
            let product = Uuid::from_u128(u128::from(self.next) << 64);
            self.line = format!("{},{}.99\n", id(product), self.next % 1_000).into_bytes();
            self.next += 1;
        }
        let count = self.line.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.line[..count]);
        self.line.drain(..count);
        Ok(count)
    }
}

#[tokio::test]
async fn the_statements_of_a_large_file_grow_with_its_batches_alone() {
    for fixture in fixtures().await {
        let mut counts = Vec::new();
        for lines in [1_000, 3_000] {
            let generated = Generated {
                next: 0,
                lines,
                line: b"productId,baseUsd\n".to_vec(),
            };
            let before = fixture.scratch.database.statements();
            let (report, problems) = fixture.import(generated, FileFormat::Csv, false).await;
            assert_eq!((report.changes, problems.len()), (u64::from(lines), 0));
            counts.push(fixture.scratch.database.statements() - before);
        }
        assert!(counts[1] < 4 * counts[0], "{counts:?}");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn lines_of_a_product_mean_the_same_however_far_apart_they_are() {
    const COLUMNS: &str = "productId,baseUsd,compareAtUsd,effectiveAt,replaceScheduled,ifVersion";
    for fixture in fixtures().await {
        for between in [0, 1_000] {
            let known = fixture.products(&[(2_000, None)]).await[0];
            let (priced, unpriced) = (Uuid::now_v7(), Uuid::now_v7());
            let (known_id, priced_id) = (id(known), id(priced));
            let before = format!("{COLUMNS}\n{known_id},1,,2025-12-01T00:00:00Z,,1\n");
            assert_eq!(fixture.csv(before).await.1, [] as [String; 0]);
            let others: String = (0..between)
                .map(|number| format!("{},5,,,,\n", id(Uuid::from_u128(number))))
                .collect();
            let file = format!(
                "{COLUMNS}\n{known_id},21,,,,1\n{known_id},22,,2026-01-01T00:00:00Z,,1\n\
                 {priced_id},,50,2026-01-01T00:00:00Z,,0\n{others}\
                 {known_id},23,,2026-02-01T00:00:00Z,true,1\n{priced_id},9,,,,0\n"
            );
            let import = |file: &str, dry_run| {
                fixture.import(Cursor::new(file.to_owned()), FileFormat::Csv, dry_run)
            };
            let wrong = format!("{file}{},,50,2026-01-01T00:00:00Z,,0\n", id(unpriced));
            let told = import(&wrong, true).await;
            assert!(told.1[0].contains("no price yet"), "{told:?}");
            assert_eq!((told.0.problems, &import(&wrong, false).await), (1, &told));
            let told = import(&file, true).await;
            assert_eq!(told.1, [] as [String; 0], "{between} lines between");
            assert_eq!(import(&file, false).await, told);
            let scheduled = fixture.product(known).await["scheduledPriceChanges"].clone();
            let times = ["2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"];
            let expected =
                times.map(|at| json!({ "effectiveAt": at, "reason": "import of prices.csv" }));
            assert_eq!(scheduled, json!(expected), "{between} lines between");
        }
        fixture.scratch.drop().await;
    }
}
