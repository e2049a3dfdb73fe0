//! Measures returns through the real binary, one request at a time, against a simulated EasyPost with a fixed delay:
//! creating a return, reading its status, an ineligible request, and the time a label takes beyond the provider's.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Has more than a hundred orders.
const CUSTOMER: &str = "customer1@vantage.example";

/// Delay of each of EasyPost's two responses. The label file has no delay.
const PROVIDER: Duration = Duration::from_millis(100);
const CALLS: u32 = 2;

const ORDERS: &str = "query($after: String) { me { orders(first: 50, after: $after) { pageInfo { hasNextPage endCursor } nodes { id items { id returnEligibility { eligible } } } } } }";
const CREATE: &str = "mutation($input: ReturnCreateInput!, $key: String!) { returnCreate(input: $input, idempotencyKey: $key) { return { id status refund { total { amount } } } userErrors { __typename } } }";
const LABEL: &str = "mutation($id: ID!, $key: String!) { returnLabelGenerate(id: $id, idempotencyKey: $key) { return { status label { url } } userErrors { code } } }";
const STATUS: &str = "query($id: ID!) { return(id: $id) { status nextStep refund { total { amount } } timeline { event timestamp } } }";

#[derive(Parser)]
struct Arguments {
    /// Labels to buy. EasyPost's rate limit admits a burst of twenty calls, then throttles.
    #[arg(long, default_value_t = 8)]
    labels: usize,
    /// Maximum requests of each other kind; a shop has only so many returnable items.
    #[arg(long, default_value_t = 200)]
    requests: usize,
    /// Passed by `cargo bench`; ignored.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let data = tempfile::tempdir()?;
    let (_serving, url, sandbox) = serve(data.path()).await?;
    let token = run(data.path(), &["token", "--customer", CUSTOMER]).await?;
    let shop = Shop {
        http: reqwest::Client::new(),
        url,
        token,
    };
    let (eligible, refused) = shop.items().await?;
    ensure!(
        eligible.len() > arguments.labels,
        "too few returnable items"
    );

    let mut made = Vec::new();
    let mut creations = Vec::new();
    for (number, item) in eligible.iter().take(arguments.requests).enumerate() {
        let (answer, took) = shop
            .query(CREATE, input(item, &format!("c{number}")))
            .await?;
        creations.push(took);
        let id = answer["data"]["returnCreate"]["return"]["id"].clone();
        ensure!(id.is_string(), "{answer:#}");
        made.push(id);
    }
    report("create", creations, Duration::from_millis(20));

    let mut refusals = Vec::new();
    for (number, item) in refused.iter().cycle().take(arguments.requests).enumerate() {
        let (answer, took) = shop
            .query(CREATE, input(item, &format!("r{number}")))
            .await?;
        let error = &answer["data"]["returnCreate"]["userErrors"][0]["__typename"];
        ensure!(error == "ReturnIneligible", "{answer:#}");
        refusals.push(took);
    }
    report("ineligible", refusals, Duration::from_millis(5));

    let mut readings = Vec::new();
    for id in made.iter().cycle().take(arguments.requests) {
        let (answer, took) = shop.query(STATUS, json!({ "id": id })).await?;
        ensure!(
            answer["data"]["return"]["status"] == "INITIATED",
            "{answer:#}"
        );
        readings.push(took);
    }
    report("status", readings, Duration::from_millis(5));

    let slow = json!({
        "provider": "easypost", "effect": { "kind": "delay", "by": format!("{}ms", PROVIDER.as_millis()) },
    });
    let faults = format!("{sandbox}/_control/faults");
    shop.http
        .post(faults)
        .json(&slow)
        .send()
        .await?
        .error_for_status()?;
    let mut overheads = Vec::new();
    for id in made.iter().take(arguments.labels) {
        let variables = json!({ "id": id, "key": format!("l{id}") });
        let (answer, took) = shop.query(LABEL, variables).await?;
        let label = &answer["data"]["returnLabelGenerate"]["return"]["label"]["url"];
        ensure!(label.is_string(), "{answer:#}");
        overheads.push(took.saturating_sub(PROVIDER * CALLS));
    }
    report(
        "label, beyond the provider",
        overheads,
        Duration::from_millis(20),
    );
    Ok(())
}

struct Shop {
    http: reqwest::Client,
    url: String,
    token: String,
}

/// An order and one of its items.
type Item = (Value, Value);

impl Shop {
    async fn query(&self, query: &str, variables: Value) -> anyhow::Result<(Value, Duration)> {
        let request = self
            .http
            .post(&self.url)
            .bearer_auth(&self.token)
            .json(&json!({ "query": query, "variables": variables }));
        let began = Instant::now();
        let body = request.send().await?.bytes().await?;
        let took = began.elapsed();
        Ok((serde_json::from_slice(&body)?, took))
    }

    /// Returnable and non-returnable items.
    async fn items(&self) -> anyhow::Result<(Vec<Item>, Vec<Item>)> {
        let (mut eligible, mut refused) = (Vec::new(), Vec::new());
        let mut after = Value::Null;
        loop {
            let (answer, _) = self.query(ORDERS, json!({ "after": after })).await?;
            let page = &answer["data"]["me"]["orders"];
            for order in page["nodes"].as_array().context("orders")? {
                for item in order["items"].as_array().context("items")? {
                    let one = (order["id"].clone(), item["id"].clone());
                    match item["returnEligibility"]["eligible"].as_bool() {
                        Some(true) => eligible.push(one),
                        Some(false) => refused.push(one),
                        None => {}
                    }
                }
            }
            if page["pageInfo"]["hasNextPage"] != true {
                return Ok((eligible, refused));
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
    }
}

fn input((order, item): &Item, key: &str) -> Value {
    json!({
        "key": key,
        "input": { "orderId": order, "items": [{
            "orderItemId": item, "quantity": 1, "condition": "DEFECTIVE",
            "reasonCode": "defective_on_arrival",
        }] },
    })
}

fn report(what: &str, mut took: Vec<Duration>, wanted: Duration) {
    took.sort_unstable();
    let of = |share: usize| {
        took.get(took.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "{what}: p50 {:.2?}, p95 {:.2?} over {} (wanted: p50 {wanted:.0?})",
        of(50),
        of(95),
        took.len(),
    );
}

fn vantage(data: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vantage"));
    command
        .env("VANTAGE_DATA", data)
        .env("VANTAGE_TELEMETRY__LOG_LEVEL", "error")
        .current_dir(data)
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Starts the graph and the sandbox; returns their addresses.
async fn serve(data: &std::path::Path) -> anyhow::Result<(Child, String, String)> {
    let mut command = vantage(data);
    let mut child = command.args(["serve", "--listen", "127.0.0.1:0"]).spawn()?;
    let output = child.stdout.take().context("its output")?;
    let mut lines = BufReader::new(output).lines();
    let mut url = None;
    while let Some(line) = lines.next_line().await? {
        if let Some((_, told)) = line.split_once("listening on ") {
            url = Some(told.to_owned());
        }
        if let Some((_, told)) = line.split_once("Simulated at ")
            && let Some((sandbox, _)) = told.split_once(": ")
        {
            // Drain later output, so that the process does not block.
            let sandbox = sandbox.to_owned();
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((child, url.context("its address")?, sandbox));
        }
    }
    anyhow::bail!("the process exited before serving")
}

async fn run(data: &std::path::Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = vantage(data).args(arguments).output().await?;
    ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
