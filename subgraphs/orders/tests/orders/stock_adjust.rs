//! `stockAdjust` and imports: by support alone, all changes or none, with reason and actor.

use std::collections::BTreeSet;
use std::io::Cursor;

use async_graphql::{Request, Variables};
use orders::stock_import::{self, FileFormat, ImportOptions, ImportReport, Progress};
use platform::caller::Caller;
use resolvers::testing::{code, execute};
use serde_json::{Value, json};

use crate::checkout::input;
use crate::fake_stripe::WORKS;
use crate::fake_subgraphs::{IN_STOCK, product};
use crate::fixture::{Shop, shops};

const ADJUST: &str = "mutation($changes: [StockChangeInput!]!, $key: String!) {
    stockAdjust(input: { changes: $changes }, idempotencyKey: $key) {
        stock { product { id } availableQuantity damagedQuantity
                movements(first: 1) { totalCount nodes { kind actor reason availableChange } } }
        userErrors { code field message }
    }
}";

impl Shop {
    /// Executes as an application with the scope `support`.
    pub(crate) async fn support_asks(&self, document: &str, variables: Value) -> Value {
        let caller = Caller {
            client: Some("desk".to_owned()),
            scopes: BTreeSet::from(["support".to_owned()]),
            ..Caller::default()
        };
        let request = Request::new(document).variables(Variables::from_json(variables));
        let response = self.subgraph.execute(request, caller).await;
        serde_json::to_value(response).unwrap()
    }

    pub(crate) async fn adjust(&self, changes: Value, key: &str) -> Value {
        let variables = json!({ "changes": changes, "key": key });
        let mut answer = self.support_asks(ADJUST, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{answer:#}");
        answer["data"]["stockAdjust"].take()
    }

    /// Imports a file of CSV.
    pub(crate) async fn import(&self, file: &str, dry_run: bool) -> (ImportReport, Vec<String>) {
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
        let options = ImportOptions {
            format: FileFormat::Csv,
            reason: "delivery".to_owned(),
            actor: "warehouse".to_owned(),
            dry_run,
        };
        let source = Cursor::new(file.to_owned());
        let (database, clock) = (&self.scratch.database, &self.clock);
        let imported = stock_import::import(database, clock, source, options, &mut report).await;
        (imported.unwrap(), problems)
    }
}

/// Shops whose ledgers have begun: one unit of products 1 and 2 each is sold.
async fn opened_shops() -> Vec<Shop> {
    let shops = shops().await;
    for shop in &shops {
        let mut input = input(WORKS);
        input["items"] = json!([
            { "productId": product(1), "quantity": 1 },
            { "productId": product(2), "quantity": 1 },
        ]);
        let placed = shop.place(&input, "opening").await;
        assert_eq!(placed["order"]["status"], "CONFIRMED");
    }
    shops
}

#[tokio::test]
async fn support_counts_and_receives_stock_once_with_reason_and_actor() {
    for shop in opened_shops().await {
        let changes = json!([
            { "productId": product(1), "change": 11, "reason": " delivery 7 " },
            { "productId": product(2), "quantity": 4, "reason": "counted" },
        ]);
        for _ in 0..2 {
            let adjusted = shop.adjust(changes.clone(), "a").await;
            let stock = |number, quantity: i32, kind: &str, change: i32, reason: &str| {
                json!({
                    "product": { "id": product(number) },
                    "availableQuantity": quantity, "damagedQuantity": 0,
                    "movements": { "totalCount": 3, "nodes": [{
                        "kind": kind, "actor": "desk", "reason": reason, "availableChange": change,
                    }] },
                })
            };
            let expected = json!([
                stock(1, IN_STOCK + 10, "RESTOCKED", 11, "delivery 7"),
                stock(2, 4, "CORRECTED", 5 - IN_STOCK, "counted"),
            ]);
            assert_eq!(adjusted["stock"], expected);
        }
        assert_eq!(shop.stock_of(1).await, (IN_STOCK + 10, 0));
        assert_eq!(shop.stock_of(2).await, (4, 0));
        let ledger = "query($id: ID!) { stock(productId: $id) { movements(first: 2) {
            nodes { sequence kind reference } pageInfo { hasNextPage endCursor } } } }";
        let answer = shop.support_asks(ledger, json!({ "id": product(2) })).await;
        let movements = &answer["data"]["stock"]["movements"];
        assert_eq!(movements["nodes"][1]["kind"], "ORDERED", "{answer:#}");
        assert_eq!(movements["pageInfo"]["hasNextPage"], true);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_a_change_leaves_all_as_it_was() {
    for shop in opened_shops().await {
        let change = |number, change: i32| json!({ "productId": product(number), "change": change, "reason": "r" });
        let good = change(1, 1);
        let cases = [
            (json!([]), "INVALID_ITEMS"),
            (json!([good, change(1, 2)]), "DUPLICATE_ITEM"),
            (json!([good, change(2, -IN_STOCK)]), "INVALID_QUANTITY"),
            (json!([good, change(2, 1_000_000_000)]), "INVALID_QUANTITY"),
            (json!([good, change(2, 0)]), "INVALID_QUANTITY"),
            (json!([good, change(99, 1)]), "UNKNOWN_PRODUCT"),
            (
                json!([good, { "productId": product(2), "reason": "r" }]),
                "INVALID_QUANTITY",
            ),
            (
                json!([good, { "productId": product(2), "quantity": -1, "reason": "r" }]),
                "INVALID_QUANTITY",
            ),
            (
                json!([good, { "productId": product(2), "quantity": 1, "change": 1, "reason": "r" }]),
                "INVALID_QUANTITY",
            ),
            (
                json!([good, { "productId": product(2), "change": 1, "reason": " " }]),
                "INVALID_REASON",
            ),
            (
                json!([good, { "productId": "ord_1", "change": 1, "reason": "r" }]),
                "INVALID_ID",
            ),
        ];
        for (changes, expected) in cases {
            let refused = shop.adjust(changes.clone(), "k").await;
            assert_eq!(refused["stock"], json!([]));
            assert_eq!(refused["userErrors"][0]["code"], expected, "{changes}");
        }
        assert_eq!(shop.stock_of(1).await, (IN_STOCK - 1, 0));
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn stock_is_seen_and_changed_by_support_alone() {
    for shop in opened_shops().await {
        let changes = json!([{ "productId": product(1), "change": 1, "reason": "r" }]);
        let variables = json!({ "changes": changes, "key": "k" });
        let see = "query($id: ID!) { stock(productId: $id) { availableQuantity } }";
        let of = json!({ "id": product(1) });
        for (who, expected) in [(Some(shop.ada), "FORBIDDEN"), (None, "UNAUTHENTICATED")] {
            let refused = execute(&shop.subgraph, who, ADJUST, variables.clone()).await;
            assert_eq!(code(&refused), expected);
            let refused = execute(&shop.subgraph, who, see, of.clone()).await;
            assert_eq!(code(&refused), expected);
        }
        assert_eq!(shop.stock_of(1).await, (IN_STOCK - 1, 0));
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_file_is_imported_as_a_whole_or_every_problem_is_named_with_its_line() {
    for shop in opened_shops().await {
        let wrong = format!(
            "productId,quantity,change\n{},5,\n{},,-{IN_STOCK}\nprd_1,1,\n{},1,\n{},x,\n",
            product(1),
            product(2),
            product(1),
            product(3),
        );
        for dry_run in [true, false] {
            let (report, problems) = shop.import(&wrong, dry_run).await;
            assert_eq!(report.problems, 4, "{problems:#?}");
            let starts = [
                "4 productId: This is not the id",
                "5 productId: This product is in line 2 already",
                "6 quantity: \"x\" is not a whole number",
                "3 change: There are only 999 units",
            ];
            for (problem, start) in problems.iter().zip(starts) {
                assert!(problem.starts_with(start), "{problems:#?}");
            }
        }
        assert_eq!(shop.stock_of(1).await, (IN_STOCK - 1, 0));

        let right = format!(
            "productId,quantity,change,reason\n{},,7,\n{},{},,recount\n",
            product(2),
            product(1),
            IN_STOCK - 1,
        );
        let expected = ImportReport {
            products: 2,
            changed: 1,
            problems: 0,
        };
        assert_eq!(shop.import(&right, true).await.0, expected);
        assert_eq!(shop.stock_of(2).await, (IN_STOCK - 1, 0));
        assert_eq!(shop.import(&right, false).await.0, expected);
        assert_eq!(shop.stock_of(2).await, (IN_STOCK + 6, 0));
        let listed = stock_import::list(&shop.scratch.database, None, 10).await;
        let listed: Vec<_> = listed
            .unwrap()
            .iter()
            .map(|stock| stock.available)
            .collect();
        assert_eq!(listed, [IN_STOCK - 1, IN_STOCK + 6]);
        shop.scratch.drop().await;
    }
}
