//! Price changes at the same time: they wait for each other, never in a circle.

use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver};

use chrono::Duration;
use pricing::price_import::{FileFormat, ImportOptions, Progress, import};
use resolvers::id::IdKind;
use serde_json::{Value, json};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::fixture::fixtures;

/// A file that ends when its sender is dropped.
struct Unfinished {
    text: Receiver<Vec<u8>>,
    rest: Vec<u8>,
}

impl Read for Unfinished {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            self.rest = self.text.recv().unwrap_or_default();
        }
        let count = self.rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Ok(count)
    }
}

fn id(product: Uuid) -> String {
    IdKind::Product.format(product)
}

#[tokio::test]
async fn of_two_first_prices_one_is_refused() {
    for fixture in fixtures().await {
        for _ in 0..10 {
            let product = Uuid::now_v7();
            let change = || json!([{ "productId": id(product), "baseUsd": "9", "reason": "x", "ifVersion": 0 }]);
            let keys = [(); 2].map(|()| Uuid::now_v7().to_string());
            let (one, other) = futures::join!(
                fixture.set(&keys[0], change()),
                fixture.set(&keys[1], change())
            );
            let errors = [&one, &other].map(|set| set["userErrors"][0]["code"].clone());
            assert!(
                errors.contains(&json!("VERSION_MISMATCH")) && errors.contains(&Value::Null),
                "{errors:?}"
            );
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn other_changes_wait_until_an_import_ends() {
    for fixture in fixtures().await {
        // In the import's second batch.
        let product = Uuid::now_v7();
        let soon = fixture.clock.now() + Duration::minutes(1);
        fixture
            .set_well(json!([{ "productId": id(product), "baseUsd": "10", "reason": "x" }]))
            .await;
        fixture
            .set_well(json!([{ "productId": id(product), "baseUsd": "11", "reason": "x", "effectiveAt": soon }]))
            .await;
        let mut file = "productId,baseUsd\n".to_owned();
        for number in 0..1_000 {
            file += &format!("{},5\n", id(Uuid::from_u128(number)));
        }
        file += &format!("{},20\n", id(product));
        let (sender, text) = mpsc::channel();
        sender.send(file.into_bytes()).unwrap();
        let source = Unfinished {
            text,
            rest: Vec::new(),
        };
        let options = ImportOptions {
            format: FileFormat::Csv,
            reason: "x".to_owned(),
            actor: "x".to_owned(),
            dry_run: false,
        };
        let first_batch = Notify::new();
        let mut tell = |_: Progress<'_>| first_batch.notify_one();
        let replaced = json!([{ "productId": id(product), "baseUsd": "30", "reason": "x", "replaceScheduled": true }]);
        let (imported, ()) =
            futures::join!(import(&fixture.state, source, options, &mut tell), async {
                first_batch.notified().await;
                let end = async {
                    fixture.scratch.until_locked_out("outbox_sequences").await;
                    drop(sender);
                };
                futures::join!(
                    fixture.set_well(replaced),
                    fixture.pass(Duration::minutes(1)),
                    end
                );
            });
        assert_eq!(imported.unwrap().changes, 1_001);
        let seen = fixture.product(product).await;
        assert_eq!(seen["price"]["current"]["usd"]["amount"], "30.00");
        assert_eq!(seen["scheduledPriceChanges"], json!([]));
        fixture.scratch.drop().await;
    }
}
