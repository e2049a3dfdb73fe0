//! Files of products: imported as a whole, or not at all; and what the others learn of it.

use std::io::{Cursor, Read};

use chrono::Duration;
use entities::search::product;
use platform::clock::Clock;
use platform::tables::outbox_event;
use sea_orm::{EntityTrait, PaginatorTrait, QueryOrder};
use search::IndexFollower;
use search::catalog_import::{
    FileFormat, ImportError, ImportOptions, ImportReport, Progress, import,
};
use serde_json::{Value, json};

use crate::kit::{Fixture, Item, fixtures, id, public};

impl Fixture {
    async fn import_with(
        &self,
        file: impl Read + Send + 'static,
        options: ImportOptions,
    ) -> Result<(ImportReport, Vec<String>), ImportError> {
        let mut problems = Vec::new();
        let mut report = |progress: Progress<'_>| {
            if let Progress::Problem {
                place,
                field,
                message,
            } = progress
            {
                problems.push(format!("{} {field}: {message}", place.line));
            }
        };
        let (database, clock) = (&self.scratch.database, &self.state.clock);
        let imported = import(database, clock, file, options, &mut report).await?;
        Ok((imported, problems))
    }

    async fn csv(&self, text: &str, prune: Option<u8>) -> (ImportReport, Vec<String>) {
        let options = ImportOptions {
            format: FileFormat::Csv,
            dry_run: false,
            prune,
        };
        let file = Cursor::new(text.to_owned());
        self.import_with(file, options).await.unwrap()
    }

    async fn product(&self, number: usize) -> Option<product::Model> {
        let found = product::Entity::find_by_id(id(number));
        found.one(self.scratch.database.read()).await.unwrap()
    }

    /// The types and data of all events that were published.
    async fn events(&self) -> Vec<(String, Value)> {
        let rows = outbox_event::Entity::find().order_by_asc(outbox_event::Column::Sequence);
        let rows = rows.all(self.scratch.database.read()).await.unwrap();
        rows.into_iter()
            .map(|row| (row.event_type, row.data))
            .collect()
    }
}

fn counts(created: u64, updated: u64, unchanged: u64, deleted: u64) -> ImportReport {
    ImportReport {
        products: created + updated + unchanged + deleted,
        created,
        updated,
        unchanged,
        deleted,
        ..ImportReport::default()
    }
}

#[tokio::test]
async fn a_file_adds_changes_and_removes_products_and_publishes_it() {
    let rows: Vec<_> = (0..4).map(|number| Item::PLAIN.row(number)).collect();
    for fixture in fixtures(&rows).await {
        let mut follower = IndexFollower::new(fixture.state.clone());
        fixture.state.clock.advance(Duration::minutes(1));
        let file = format!(
            "id,title,category,brand,weightGrams,hsCode,originCountry,deleted,basePriceUsd\n\
             {},,,Acme,-,,,,5\n\
             {},Thing,,,,,,,\n\
             {},,,,,,,true,\n\
             {},Violet lamp,Lamps,Acme,1200,9405.21,de,,79.90\n",
            public(0),
            public(1),
            public(2),
            public(9),
        );
        let dry = ImportOptions {
            format: FileFormat::Csv,
            dry_run: true,
            prune: None,
        };
        let expected = ImportReport {
            unused_prices: 1,
            unused_quantities: 0,
            ..counts(1, 1, 1, 1)
        };
        let reported = fixture.import_with(Cursor::new(file.clone()), dry).await;
        assert_eq!(reported.unwrap(), (expected, Vec::new()));
        assert_eq!(fixture.product(9).await, None, "a dry run changes nothing");
        assert_eq!(fixture.events().await, []);

        assert_eq!(fixture.csv(&file, None).await, (expected, Vec::new()));
        let new = fixture.product(9).await.unwrap();
        assert_eq!(
            (new.weight_grams, new.price_usd_minor),
            (Some(1_200), 7_990)
        );
        assert_eq!(fixture.product(0).await.unwrap().price_usd_minor, 1_000);
        assert!(!fixture.product(2).await.unwrap().active);
        let events = fixture.events().await;
        let types: Vec<_> = events.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(types, ["product.upserted.v1", "product.deleted.v1"]);
        let changed = json!({
            "id": public(0), "sequence": 1, "created": false, "title": "Thing", "description": "", "brand": "Acme",
            "category": "Things", "imageUrl": "https://images.example/0.jpg", "availableQuantity": 1,
            "rating": null, "reviewCount": 10, "weightGrams": null, "lengthMm": null, "widthMm": null,
            "heightMm": null, "hsCode": null, "originCountry": null,
        });
        let created = json!({
            "id": public(9), "sequence": 1, "created": true, "title": "Violet lamp", "description": "", "brand": "Acme",
            "category": "Lamps", "imageUrl": null, "availableQuantity": 0, "rating": null, "reviewCount": 0,
            "weightGrams": 1_200, "lengthMm": null, "widthMm": null, "heightMm": null, "hsCode": "940521",
            "originCountry": "DE", "basePriceUsd": "79.90",
        });
        let upserted = json!({ "version": 1, "products": [changed, created] });
        assert_eq!(events[0].1, upserted);
        let deleted = json!([{ "id": public(2), "sequence": 1 }]);
        assert_eq!(events[1].1, json!({ "version": 1, "products": deleted }));
        // Searches follow.
        assert_eq!(follower.follow().await.unwrap(), 3);
        assert_eq!(fixture.titles(r#"query: "violet""#).await, ["Violet lamp"]);

        // The same again changes nothing, and nobody is told anything.
        let again = ImportReport {
            unused_prices: 2,
            unused_quantities: 0,
            ..counts(0, 0, 4, 0)
        };
        assert_eq!(fixture.csv(&file, None).await, (again, Vec::new()));
        assert_eq!(fixture.events().await.len(), 2);

        // A product that is named again is for sale again.
        let file = format!("id\n{}\n", public(2));
        assert_eq!(fixture.csv(&file, None).await.0, counts(0, 1, 0, 0));
        assert!(fixture.product(2).await.unwrap().active);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn any_problem_leaves_everything_as_it_was_and_each_is_named_with_its_line() {
    for fixture in fixtures(&[Item::PLAIN.row(0)]).await {
        let file = format!(
            "id,title,category,weightGrams,originCountry\n\
             {},Changed,,,\n\
             {},,Lamps,,\n\
             {},Again,,,\n\
             {},A,B,-5,Germany\n\
             {},A,B,heavy,\n\
             prd_1,A,B,,\n",
            public(0),
            public(1),
            public(0),
            public(2),
            public(3),
        );
        let (report, problems) = fixture.csv(&file, Some(100)).await;
        assert_eq!(report.problems, 6);
        insta::allow_duplicates! {
            insta::assert_json_snapshot!(problems, @r#"
            [
              "3 title: A new product needs a title",
              "4 id: This product is in line 2 already",
              "5 weightGrams: This is not from 1 to 10000000",
              "5 originCountry: This is not a country's code (ISO 3166-1), such as DE",
              "6 weightGrams: \"heavy\" is not a whole number",
              "7 id: \"prd_1\" is not a product's id, such as prd_ and 26 characters"
            ]
            "#);
        }
        assert_eq!(fixture.product(0).await.unwrap().title, "Thing");
        assert_eq!(fixture.product(2).await, None);
        assert_eq!(fixture.events().await, []);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn json_has_the_same_fields_and_misspelt_ones_are_problems() {
    for fixture in fixtures(&[Item::PLAIN.row(0)]).await {
        let file = format!(
            "{}\n{}\n{}\n",
            json!({ "id": public(0), "brand": "Acme", "rating": 4.5, "availableQuantity": 7 }),
            json!({ "id": public(1), "title": "Lamp", "category": "Lamps", "lengthMm": 1, "widthMm": 2, "heightMm": 3 }),
            json!({ "id": public(2), "title": "Lamp", "category": "Lamps", "colour": "red" }),
        );
        let options = ImportOptions {
            format: FileFormat::Json,
            dry_run: false,
            prune: None,
        };
        let read = async |file: String| {
            let imported = fixture.import_with(Cursor::new(file), options).await;
            imported.unwrap()
        };
        let (report, problems) = read(file.clone()).await;
        assert_eq!(report.problems, 1);
        assert!(
            problems[0].starts_with("3 : unknown field `colour`"),
            "{problems:?}"
        );
        let (report, _) = read(file.replace("colour", "brand")).await;
        let expected = ImportReport {
            unused_quantities: 1,
            ..counts(2, 1, 0, 0)
        };
        assert_eq!(report, expected);
        let row = fixture.product(0).await.unwrap();
        assert_eq!((row.rating, row.available_quantity), (Some(4.5), 1));
        let (report, _) = read(format!(r#"[{{"id": "{}", "brand": null}}]"#, public(0))).await;
        assert_eq!(report, counts(0, 1, 0, 0));
        assert_eq!(fixture.product(0).await.unwrap().brand, None);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_a_complete_file_does_not_name_is_removed_up_to_a_limit() {
    let rows: Vec<_> = (0..10).map(|number| Item::PLAIN.row(number)).collect();
    for fixture in fixtures(&rows).await {
        let named = |count: usize| {
            let ids: Vec<_> = (0..count).map(public).collect();
            format!("id\n{}\n", ids.join("\n"))
        };
        let options = ImportOptions {
            format: FileFormat::Csv,
            dry_run: false,
            prune: Some(10),
        };
        let refused = fixture.import_with(Cursor::new(named(8)), options).await;
        let Err(error) = refused else {
            panic!("{refused:?}")
        };
        assert!(
            error
                .to_string()
                .starts_with("the file does not name 2 of 10 products, which is more than 10 %"),
            "{error}"
        );
        assert!(fixture.product(9).await.unwrap().active);

        let expected = |products: u64, pruned: u64| ImportReport {
            pruned,
            ..counts(0, 0, products, 0)
        };
        for dry_run in [true, false] {
            let options = ImportOptions { dry_run, ..options };
            let imported = fixture.import_with(Cursor::new(named(9)), options).await;
            assert_eq!(imported.unwrap().0, expected(9, 1));
        }
        assert!(!fixture.product(9).await.unwrap().active);
        let (kind, data) = fixture.events().await.pop().unwrap();
        assert_eq!(kind, "product.deleted.v1");
        let deleted = json!([{ "id": public(9), "sequence": 1 }]);
        assert_eq!(data, json!({ "version": 1, "products": deleted }));
        // What is not for sale cannot be removed again, and an empty file removes nothing.
        assert_eq!(fixture.csv(&named(9), Some(0)).await.0, expected(9, 0));
        let empty = fixture.csv("id\n", Some(100)).await.0;
        assert_eq!(empty, ImportReport::default());
        assert!(fixture.product(0).await.unwrap().active);
        fixture.scratch.drop().await;
    }
}

/// A file that takes two minutes to read.
struct Slow(Cursor<String>, Clock);

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.1.advance(Duration::minutes(1));
        self.0.read(buffer)
    }
}

#[tokio::test]
async fn an_import_of_many_products_takes_statements_by_the_thousand_and_searches_find_all() {
    for fixture in fixtures(&[Item::PLAIN.row(0)]).await {
        let mut follower = IndexFollower::new(fixture.state.clone());
        follower.follow().await.unwrap();
        let lines: String = (1..=3_000)
            .map(|number| format!("{},Lamp {number},Lamps\n", public(number)))
            .collect();
        let file = format!("id,title,category\n{lines}");
        let clock = fixture.state.clock.clone();
        let slow = Slow(Cursor::new(file), clock.clone());
        let options = ImportOptions {
            format: FileFormat::Csv,
            dry_run: false,
            prune: Some(0),
        };
        let before = fixture.scratch.database.statements();
        let refused = fixture.import_with(slow, options).await;
        assert!(refused.is_err(), "the file does not name the first product");
        let statements = fixture.scratch.database.statements() - before;
        let lines: String = (0..=3_000)
            .map(|number| format!("{},Lamp {number},Lamps\n", public(number)))
            .collect();
        let slow = Slow(Cursor::new(format!("id,title,category\n{lines}")), clock);
        let (report, problems) = fixture.import_with(slow, options).await.unwrap();
        assert_eq!((report, problems), (counts(3_000, 1, 0, 0), Vec::new()));
        assert!(statements < 200, "{statements}");
        let stored = product::Entity::find().count(fixture.scratch.database.read());
        assert_eq!(stored.await.unwrap(), 3_001);
        // Although the transaction began long before it ended.
        while follower.follow().await.unwrap() > 0 {}
        let status = fixture.state.engine.status().await.unwrap();
        assert_eq!(status.products, Some(3_001));
        fixture.scratch.drop().await;
    }
}
