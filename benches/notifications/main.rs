//! Measures the notifications subgraph in process: reading, writing and refusing preferences; scheduling and sending deals; and
//! the migration of preferences from a former system.

#[path = "../database/mod.rs"]
mod database;

use std::io::{Cursor, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use async_graphql::{Request, Variables};
use clap::{Parser, ValueEnum};
use entities::insert_many;
use entities::notifications::legacy_preference;
use notifications::deals::{self, DealDelivery, FileFormat, Progress};
use notifications::preference_migration::{MigrationProgress, Pace, migrate_all};
use notifications::templates::Templates;
use notifications::{Delivery, Links, Live, Migrator, Partners, State, WebhookDelivery, subgraph};
use platform::caller::Caller;
use platform::clock::Clock;
use platform::config::Secret;
use platform::database::Database;
use platform::pubsub::InProcess;
use platform::webhooks::{RetrySchedule, SigningKey, WebhookSender, WebhookSenderConfig};
use resolvers::id::IdKind;
use resolvers::subgraph::Subgraph;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const READ: &str = "query($customer: _Any!) { _entities(representations: [$customer]) { ... on Customer {
    notificationPreferences { preferences { channel category enabled quietHours { start end } } timezone updatedAt }
} } }";

const WRITE: &str = "mutation($customer: ID!, $enabled: Boolean!, $key: String!) {
    notificationPreferencesUpdate(customerId: $customer, idempotencyKey: $key, input: { updates: [
        { channel: PUSH, category: DEALS, enabled: $enabled }, { channel: PUSH, category: SOCIAL, enabled: $enabled }
    ] }) { updated topicChanges { topic action deviceTokens } updatedAt userErrors { code } }
}";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Preferences,
    Deals,
    Migration,
}

#[derive(Parser)]
struct Arguments {
    /// What to measure; by default everything.
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Requests of each kind, one after another.
    #[arg(long, default_value_t = 1_000)]
    requests: usize,
    /// Deals, each for another customer.
    #[arg(long, default_value_t = 100_000)]
    deals: u32,
    /// Customers of the former system.
    #[arg(long, default_value_t = 2_400_000)]
    customers: u32,
    /// The pause between batches of the migration, in milliseconds.
    #[arg(long, default_value_t = 1_000)]
    pause_ms: u64,
    /// An empty database on PostgreSQL, instead of SQLite.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Passed by `cargo bench`; ignored.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let directory = tempfile::tempdir()?;
    let postgres = arguments.postgres.as_deref();
    let database = database::open::<Migrator>("notifications", directory.path(), postgres).await?;
    let state = state(database)?;
    let measures = |part| arguments.only.is_none_or(|only| only == part);
    if measures(Part::Preferences) {
        measure_preferences(&state, arguments.requests).await?;
    }
    if measures(Part::Deals) {
        measure_deals(&state, arguments.deals).await?;
    }
    if measures(Part::Migration) {
        measure_migration(&state, &arguments).await?;
    }
    Ok(())
}

fn customer(number: u32) -> Uuid {
    Uuid::from_u128(u128::from(number + 1) << 64)
}

fn state(database: Database) -> anyhow::Result<State> {
    let sender = WebhookSender::new(WebhookSenderConfig {
        timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(5),
        max_response_bytes: 1_024,
        require_https: true,
        allow_private_hosts: false,
    })?;
    Ok(State {
        database,
        clock: Clock::system(),
        partners: Partners::default(),
        webhooks: WebhookDelivery {
            sender,
            signing_key: SigningKey::new(Secret::new("a key that is long enough to sign")),
            schedule: RetrySchedule::new(Vec::new()),
            retention: Duration::from_secs(60),
            concurrency: 1,
        },
        // Messages are written to the log, which is off: what is measured is everything but the provider.
        delivery: Delivery {
            templates: Arc::new(Templates::new("Vantage")?),
            live: Live(Arc::new(InProcess::new())),
            links: Links::new("https://shop.example".parse()?),
            push: None,
            email: None,
            sms: None,
            log: true,
        },
        text_retention: Duration::from_secs(60),
        deals: DealDelivery {
            interval: Duration::from_secs(60),
            at_once: 10,
            per_second: 1_000_000,
            queue: None,
        },
        fcm: None,
    })
}

async fn measure_preferences(state: &State, requests: usize) -> anyhow::Result<()> {
    let subgraph = subgraph(state.clone());
    let (me, other) = (customer(1), customer(2));
    let caller = || Caller::customer(IdKind::Customer.format(me));
    let read =
        json!({ "customer": { "__typename": "Customer", "id": IdKind::Customer.format(me) } });
    let write = |customer: Uuid, number: usize| json!({ "customer": IdKind::Customer.format(customer), "enabled": number.is_multiple_of(2), "key": number.to_string() });
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    let before = state.database.statements();
    for number in 0..requests {
        for (kind, document, variables, is_refused) in [
            (0, READ, read.clone(), false),
            (1, WRITE, write(me, number), false),
            (2, WRITE, write(other, number), true),
        ] {
            let (took, answer) = ask(&subgraph, caller(), document, variables).await?;
            let code = answer["errors"][0]["extensions"]["code"].as_str();
            ensure!(code == is_refused.then_some("FORBIDDEN"), "{answer}");
            times[kind].push(took);
        }
    }
    let statements = (state.database.statements() - before) as f64 / requests as f64;
    let [reads, writes, refusals] = times;
    report("preferences read", reads, 2.0);
    report("preferences written", writes, 5.0);
    report("preferences refused", refusals, 1.0);
    println!("statements of one read, one write and one refusal: {statements:.1}");
    Ok(())
}

/// Asks once; returns the time and the answer.
async fn ask(
    subgraph: &Subgraph,
    caller: Caller,
    document: &str,
    variables: Value,
) -> anyhow::Result<(Duration, Value)> {
    let request = Request::new(document).variables(Variables::from_json(variables));
    let began = Instant::now();
    let response = subgraph.execute(request, caller).await;
    let took = began.elapsed();
    Ok((took, serde_json::to_value(response)?))
}

fn report(what: &str, mut times: Vec<Duration>, wanted_ms: f64) {
    times.sort_unstable();
    let at = |share: usize| {
        let time = times.get(times.len().saturating_sub(1) * share / 100);
        time.map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
    };
    println!(
        "{what}: p50 {:.2} ms, p99 {:.2} ms over {} (wanted: p50 {wanted_ms} ms)",
        at(50),
        at(99),
        times.len(),
    );
}

async fn measure_deals(state: &State, count: u32) -> anyhow::Result<()> {
    let mut file = b"customerId,title,body,deepLink,windowEnd\n".to_vec();
    for number in 0..count {
        let id = IdKind::Customer.format(customer(number));
        let end = state.clock.now() + chrono::TimeDelta::days(1);
        let end = end.format("%Y-%m-%dT00:00:00Z");
        writeln!(
            file,
            "{id},20 % off,On all headphones,vantage://deals/7,{end}"
        )?;
    }
    let database = &state.database;
    let mut tell = |_: Progress<'_>| {};
    let (before, began) = (database.statements(), Instant::now());
    let source = Cursor::new(file);
    let report = deals::schedule_file(
        Some(database),
        &state.clock,
        source,
        FileFormat::Csv,
        &mut tell,
    )
    .await?;
    let took = began.elapsed().as_secs_f64();
    ensure!(report.scheduled.scheduled == u64::from(count), "{report:?}");
    let statements = (database.statements() - before) as f64;
    println!(
        "{count} deals scheduled from a file: {took:.1} s, {:.3} statements each",
        statements / f64::from(count),
    );
    let deals = state.deals(CancellationToken::new());
    let (before, began) = (database.statements(), Instant::now());
    let drained = deals::drain_once(&deals).await?;
    let took = began.elapsed().as_secs_f64();
    ensure!(drained.sent == u64::from(count), "{drained:?}");
    let statements = (database.statements() - before) as f64;
    println!(
        "{count} deals sent: {took:.1} s, {:.0} a second, {:.2} statements each",
        f64::from(count) / took,
        statements / f64::from(count),
    );
    Ok(())
}

async fn measure_migration(state: &State, arguments: &Arguments) -> anyhow::Result<()> {
    let database = &state.database;
    let customers = arguments.customers;
    let began = Instant::now();
    for start in (0..customers).step_by(10_000) {
        let rows = (start..customers.min(start + 10_000)).map(|number| legacy_preference::Model {
            customer_id: customer(number),
            email_notifications: number % 2 == 0,
            sms_notifications: number % 3 == 0,
        });
        let transaction = database.begin().await?;
        insert_many::<legacy_preference::Entity>(&transaction, rows.collect()).await?;
        transaction.commit().await?;
    }
    println!(
        "{customers} customers loaded: {:.1} s",
        began.elapsed().as_secs_f64()
    );
    let pace = Pace {
        batch: 10_000,
        pause: Duration::from_millis(arguments.pause_ms),
    };
    for what in ["migrated", "repaired"] {
        let (mut slowest, mut last) = (Duration::ZERO, Instant::now());
        let mut tell = |_: MigrationProgress| {
            let took = last.elapsed().saturating_sub(pace.pause);
            slowest = slowest.max(took);
            last = Instant::now();
        };
        let (before, began) = (database.statements(), Instant::now());
        let progress = migrate_all(database, &state.clock, pace, &mut tell).await?;
        let took = began.elapsed().as_secs_f64();
        ensure!(progress.migrated == u64::from(customers), "{progress:?}");
        println!(
            "{customers} customers {what}: {took:.1} s with pauses of {} ms, slowest batch {:.2} s, {} statements",
            arguments.pause_ms,
            slowest.as_secs_f64(),
            database.statements() - before,
        );
    }
    Ok(())
}
