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
use entities::notifications::{customer_settings, legacy_preference};
use notifications::deals::{self, DealDelivery, DealRun, FileFormat, Progress};
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

const REGISTER: &str = "mutation($token: String!) {
    deviceRegister(input: { token: $token, platform: IOS, region: \"us\" }) { deviceTokens userErrors { code } }
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
    /// The pause between batches of the migration, in milliseconds. The command pauses for a second.
    #[arg(long, default_value_t = 0)]
    pause_ms: u64,
    /// An empty database on PostgreSQL, instead of SQLite.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Fail if a figure is not what is wanted.
    #[arg(long)]
    check: bool,
    /// Passed by `cargo bench`; ignored.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Prints figures as rows of a table, and counts those that are not what is wanted.
#[derive(Default)]
struct Report {
    missed: usize,
}

impl Report {
    fn row(&self, what: &str, figure: &str) {
        println!("{what:<44} {figure:>12}");
    }

    /// A figure that should not be higher than this.
    fn at_most(&mut self, what: &str, value: f64, limit: f64, unit: &str) {
        let is_met = value <= limit;
        self.missed += usize::from(!is_met);
        let figure = format!("{value:.2}{unit}");
        let verdict = if is_met { "ok" } else { "missed" };
        println!("{what:<44} {figure:>12}   wanted: at most {limit}{unit}   {verdict}");
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let directory = tempfile::tempdir()?;
    let postgres = arguments.postgres.as_deref();
    let database = database::open::<Migrator>("notifications", directory.path(), postgres).await?;
    let state = state(database)?;
    let measures = |part| arguments.only.is_none_or(|only| only == part);
    let mut report = Report::default();
    if measures(Part::Preferences) {
        measure_preferences(&state, arguments.requests, &mut report).await?;
    }
    if measures(Part::Deals) {
        measure_deals(&state, arguments.deals, &mut report).await?;
    }
    if measures(Part::Migration) {
        measure_migration(&state, &arguments, &report).await?;
    }
    let missed = report.missed;
    ensure!(
        !arguments.check || missed == 0,
        "{missed} figures are not what is wanted"
    );
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

/// Of a customer with two devices, whose topics change with each write.
async fn measure_preferences(
    state: &State,
    requests: usize,
    report: &mut Report,
) -> anyhow::Result<()> {
    let subgraph = subgraph(state.clone());
    // Not among those who get deals.
    let (me, other) = (customer(u32::MAX - 1), customer(u32::MAX - 2));
    let caller = || Caller::customer(IdKind::Customer.format(me));
    for token in ["phone", "tablet"] {
        let variables = json!({ "token": token });
        let (_, answer) = ask(&subgraph, caller(), REGISTER, variables).await?;
        ensure!(answer["errors"].is_null(), "{answer}");
    }
    let read =
        json!({ "customer": { "__typename": "Customer", "id": IdKind::Customer.format(me) } });
    let write = |customer: Uuid, number: usize| json!({ "customer": IdKind::Customer.format(customer), "enabled": number.is_multiple_of(2), "key": number.to_string() });
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    let mut statements = [0, 0, 0];
    for number in 0..requests {
        for (kind, document, variables, is_refused) in [
            (0, READ, read.clone(), false),
            (1, WRITE, write(me, number), false),
            (2, WRITE, write(other, number), true),
        ] {
            let before = state.database.statements();
            let (took, answer) = ask(&subgraph, caller(), document, variables).await?;
            statements[kind] += state.database.statements() - before;
            let code = answer["errors"][0]["extensions"]["code"].as_str();
            ensure!(code == is_refused.then_some("FORBIDDEN"), "{answer}");
            times[kind].push(took);
        }
    }
    let wanted = [("read", 2.0), ("written", 5.0), ("refused", 1.0)];
    for (kind, (what, wanted_ms)) in wanted.into_iter().enumerate() {
        let each = statements[kind] as f64 / requests.max(1) as f64;
        times[kind].sort_unstable();
        let at = |share: usize| {
            let index = times[kind].len().saturating_sub(1) * share / 100;
            let time = times[kind].get(index);
            time.map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
        };
        report.at_most(
            &format!("preferences {what}, p50"),
            at(50),
            wanted_ms,
            " ms",
        );
        report.row(
            &format!("preferences {what}, p99"),
            &format!("{:.2} ms", at(99)),
        );
        report.row(
            &format!("preferences {what}, statements"),
            &format!("{each:.1}"),
        );
    }
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

/// Schedules and sends a tenth of the deals, then all: the cost of a deal must not depend on how many wait.
async fn measure_deals(state: &State, count: u32, report: &mut Report) -> anyhow::Result<()> {
    // Deals are scheduled for customers of whom something is known.
    for start in (0..count).step_by(1_000) {
        let transaction = state.database.begin().await?;
        for number in start..count.min(start + 1_000) {
            customer_settings::lock(&transaction, customer(number), "UTC").await?;
        }
        transaction.commit().await?;
    }
    let few = run_deals(state, count.div_ceil(10), "few", report).await?;
    let many = run_deals(state, count, "all", report).await?;
    report.at_most(
        "time of a deal among all, by one among few",
        many / few,
        1.5,
        "",
    );
    Ok(())
}

/// Returns how many seconds it took to send each.
async fn run_deals(state: &State, count: u32, title: &str, report: &Report) -> anyhow::Result<f64> {
    let mut file = b"customerId,title,body,deepLink,windowEnd\n".to_vec();
    let end = state.clock.now() + chrono::TimeDelta::days(2);
    let end = end.format("%Y-%m-%dT00:00:00Z");
    for number in 0..count {
        let id = IdKind::Customer.format(customer(number));
        writeln!(
            file,
            "{id},{title},On all headphones,vantage://deals/7,{end}"
        )?;
    }
    let database = &state.database;
    let (before, began) = (database.statements(), Instant::now());
    let scheduled = deals::schedule_file(
        DealRun::Schedule(database),
        &state.clock,
        Cursor::new(file),
        FileFormat::Csv,
        &mut |_: Progress<'_>| {},
    )
    .await?;
    ensure!(
        scheduled.scheduled.scheduled == u64::from(count),
        "{scheduled:?}"
    );
    deal_rows(
        report,
        "scheduled",
        count,
        began,
        database.statements() - before,
    );
    let deals = state.deals(CancellationToken::new());
    let (before, began) = (database.statements(), Instant::now());
    let drained = deals::drain_once(&deals).await?;
    ensure!(drained.sent == u64::from(count), "{drained:?}");
    Ok(deal_rows(
        report,
        "sent",
        count,
        began,
        database.statements() - before,
    ))
}

fn deal_rows(report: &Report, what: &str, count: u32, began: Instant, statements: u64) -> f64 {
    let took = began.elapsed().as_secs_f64();
    let what = format!("{count} deals {what}");
    report.row(&what, &format!("{took:.1} s"));
    report.row(
        &format!("{what}, a second"),
        &format!("{:.0}", f64::from(count) / took),
    );
    report.row(
        &format!("{what}, statements of each"),
        &format!("{:.3}", statements as f64 / f64::from(count)),
    );
    took / f64::from(count)
}

async fn measure_migration(
    state: &State,
    arguments: &Arguments,
    report: &Report,
) -> anyhow::Result<()> {
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
    let seconds = |began: Instant| format!("{:.1} s", began.elapsed().as_secs_f64());
    report.row(&format!("{customers} customers loaded"), &seconds(began));
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
        ensure!(progress.migrated == u64::from(customers), "{progress:?}");
        let what = format!("{customers} customers {what}");
        report.row(&what, &seconds(began));
        report.row(
            &format!("{what}, slowest batch"),
            &format!("{:.2} s", slowest.as_secs_f64()),
        );
        let statements = database.statements() - before;
        report.row(&format!("{what}, statements"), &statements.to_string());
    }
    Ok(())
}
