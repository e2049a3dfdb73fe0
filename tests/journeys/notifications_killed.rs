//! Kills the process while it sends messages: each is sent, nobody gets one in quiet hours or against their will, and
//! whoever gets one twice can tell.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use entities::notifications::device_token::{self, DevicePlatform};
use entities::notifications::notification::{self, DeliveryStatus, Listed};
use entities::notifications::preference::{self, NotificationCategory, NotificationChannel};
use entities::orders::order;
use platform::database::{Database, DatabaseConfig};
use platform::outbox::{self, NewEvent};
use platform::testing::ports::free_port;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use resolvers::id::IdKind;
use sea_orm::EntityTrait;
use serde_json::json;
use uuid::Uuid;

use crate::kit::{Process, vantage};
use crate::third_parties::ThirdParties;
use crate::wait::{until, until_it};

/// When the process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// The provider was called and has accepted nothing.
    Called,
    /// The provider has accepted a message, which is not recorded.
    Accepted,
    /// After this many milliseconds.
    After(u64),
}

#[tokio::test]
async fn every_message_is_sent_although_its_process_is_killed() {
    use Moment::{Accepted, After, Called};
    let moments = [Called, Accepted, After(200), Accepted, Called, After(700)];
    kill_while_sending(&moments, 6).await;
}

#[tokio::test]
#[ignore = "takes minutes: cargo test -p vantage --test journeys -- --ignored killed_a_hundred_times --nocapture"]
async fn every_message_is_sent_although_its_process_is_killed_a_hundred_times() {
    let mut random = ChaCha8Rng::seed_from_u64(16);
    let moments: Vec<_> = (0..100)
        .map(|round| match round % 4 {
            0 => Moment::Called,
            1 => Moment::Accepted,
            _ => Moment::After(random.random_range(20..1_500)),
        })
        .collect();
    // The sandbox keeps a thousand emails, and many are transmitted twice.
    kill_while_sending(&moments, 5).await;
}

async fn database(data: &Path, domain: &str) -> Database {
    let config = DatabaseConfig::sqlite(data.to_owned());
    Database::open(&config, domain).await.unwrap()
}

/// A shop whose process is killed and started again over the same data.
struct Shop {
    data: tempfile::TempDir,
    listen: String,
    third_parties: ThirdParties,
    process: Process,
    orders: Database,
    notifications: Database,
    rows: Vec<order::Model>,
}

impl Shop {
    async fn start(third_parties: ThirdParties) -> Self {
        let data = tempfile::tempdir().unwrap();
        let listen = format!("127.0.0.1:{}", free_port());
        let process = serve(data.path(), &listen, &third_parties).await;
        let orders = database(data.path(), "orders").await;
        Self {
            notifications: database(data.path(), "notifications").await,
            rows: order::Entity::find().all(orders.read()).await.unwrap(),
            orders,
            data,
            listen,
            third_parties,
            process,
        }
    }

    async fn restart(&mut self) {
        self.process.child.kill().await.unwrap();
        self.process = serve(self.data.path(), &self.listen, &self.third_parties).await;
    }

    /// Orders are shipped.
    async fn publish(&self, round: usize, events: usize) {
        let transaction = self.orders.begin().await.unwrap();
        for index in 0..events {
            let row = &self.rows[(round * events + index) % self.rows.len()];
            let order_id = IdKind::Order.format(row.id);
            let event = NewEvent {
                topic: "orders.events",
                event_type: "order.shipped",
                aggregate_id: &order_id,
                data: json!({
                    "version": 1, "orderId": order_id,
                    "customerId": IdKind::Customer.format(row.customer_id),
                    "status": "shipped", "previousStatus": "confirmed", "actor": "carrier",
                }),
            };
            outbox::append(&transaction, event, Utc::now())
                .await
                .unwrap();
        }
        transaction.commit().await.unwrap();
    }

    /// A deal for each of these customers.
    async fn schedule(&self, round: usize, customers: &[Uuid]) {
        let end = (Utc::now() + TimeDelta::days(2)).to_rfc3339();
        let mut lines = "customerId,title,body,windowEnd\n".to_owned();
        for customer in customers {
            let customer = IdKind::Customer.format(*customer);
            lines.push_str(&format!("{customer},Deal {round},Today only,{end}\n"));
        }
        let file = self.data.path().join("deals.csv");
        std::fs::write(&file, lines).unwrap();
        let mut command = vantage(self.data.path());
        command.args(["deals", "schedule"]).arg(file);
        assert!(command.output().await.unwrap().status.success());
    }

    /// How many emails and push messages the providers were asked to take since this was forgotten.
    async fn called(&self) -> usize {
        let emails = self.third_parties.calls("DATA", "*").await.len();
        emails + self.third_parties.posts("/v1/projects/*").await
    }

    /// How many they took.
    async fn accepted(&self) -> usize {
        self.third_parties.mails().await.len() + self.third_parties.pushed().await.len()
    }

    async fn kill_at(&mut self, moment: Moment, work: impl AsyncFn(&Self)) {
        let hangs = match moment {
            Moment::After(milliseconds) => {
                work(self).await;
                // This is about the moment; there is no state to wait for.
                tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                return self.restart().await;
            }
            Moment::Called => "before",
            Moment::Accepted => "after",
        };
        for (provider, path) in [("smtp", "*"), ("fcm", "/v1/projects/*")] {
            let effect = json!({ "kind": "hang", "moment": hangs });
            let rule = json!({ "provider": provider, "path": path, "effect": effect });
            self.third_parties.control("/_control/faults", &rule).await;
        }
        self.third_parties.forget_calls().await;
        let before = self.accepted().await;
        work(self).await;
        until("a provider hangs", async || {
            let is_reached = match moment {
                Moment::Called => self.called().await > 0,
                _ => self.accepted().await > before,
            };
            is_reached.then_some(())
        })
        .await;
        self.process.child.kill().await.unwrap();
        self.third_parties.mend().await;
        self.process = serve(self.data.path(), &self.listen, &self.third_parties).await;
    }
}

async fn serve(data: &Path, listen: &str, third_parties: &ThirdParties) -> Process {
    let mut command = vantage(data);
    command
        .env("VANTAGE_DEMO__ORDERS", "60")
        .env("VANTAGE_TELEMETRY__LOG_LEVEL", "off")
        .env("VANTAGE_NOTIFICATIONS__DEALS__INTERVAL", "200ms")
        .envs(third_parties.settings())
        .envs(third_parties.message_settings())
        .args(["serve", "--listen", listen]);
    Process::start(command).await
}

/// Customers with a device each: who want deals, who want none now, and who want none at all.
async fn customers(db: &Database) -> [Vec<Uuid>; 3] {
    let all: Vec<Uuid> = (1..=12)
        .map(|number| Uuid::from_u128(number << 64))
        .collect();
    for customer in &all {
        let device = device_token::Model {
            token: format!("device-{customer}"),
            customer_id: *customer,
            platform: DevicePlatform::Web,
            region: "us".to_owned(),
            created_at: Utc::now(),
            topics_set_at: Some(Utc::now()),
        };
        device_token::upsert(db.write(), device).await.unwrap();
    }
    let (awake, rest) = all.split_at(6);
    let (asleep, out) = rest.split_at(3);
    // An hour that has begun, until long after the test.
    let now = Utc::now().time();
    let cell = |customer: &Uuid, enabled: bool| preference::Model {
        customer_id: *customer,
        channel: NotificationChannel::Push,
        category: NotificationCategory::Deals,
        enabled,
        quiet_hours_start: enabled.then_some(now - TimeDelta::hours(1)),
        quiet_hours_end: enabled.then_some(now + TimeDelta::hours(3)),
        updated_at: Utc::now(),
        migrated: false,
    };
    let cells = asleep.iter().map(|customer| cell(customer, true));
    let cells = cells.chain(out.iter().map(|customer| cell(customer, false)));
    preference::upsert(db.write(), cells.collect())
        .await
        .unwrap();
    [awake, asleep, out].map(<[Uuid]>::to_vec)
}

async fn kill_while_sending(moments: &[Moment], events: usize) {
    let scratch = tempfile::tempdir().unwrap();
    let mut shop = Shop::start(ThirdParties::start(scratch.path()).await).await;
    let [awake, asleep, out] = customers(&shop.notifications).await;
    let everyone = [&awake[..], &asleep, &out].concat();
    for (round, moment) in moments.iter().enumerate() {
        shop.kill_at(*moment, async |shop: &Shop| {
            shop.schedule(round, &everyone).await;
            shop.publish(round, events).await;
        })
        .await;
    }
    let rounds = moments.len();
    let (emails, deals) = (rounds * events, rounds * awake.len());
    let log = until_it(
        async || {
            let listed = Listed::default();
            let rows = notification::list(shop.notifications.read(), &listed, 100_000).await;
            let mut rows = rows.unwrap();
            rows.retain(|row| row.event_id.is_some());
            rows
        },
        |rows| {
            let sent = |is: &dyn Fn(&notification::Model) -> bool| {
                let sent = rows.iter().filter(|row| row.status == DeliveryStatus::Sent);
                sent.filter(|row| is(row)).count()
            };
            let open = rows.iter().filter(|row| {
                let waits = asleep.contains(&row.customer_id);
                notification::OPEN.contains(&row.status) && !waits
            });
            sent(&|row| row.channel == NotificationChannel::Email) == emails
                && sent(&|row| awake.contains(&row.customer_id)) == deals
                && open.count() == 0
        },
    )
    .await;
    let status_of = |customers: &[Uuid], status: DeliveryStatus| {
        let rows = log
            .iter()
            .filter(|row| customers.contains(&row.customer_id));
        rows.filter(|row| row.status == status).count()
    };
    assert_eq!(
        status_of(&asleep, DeliveryStatus::Scheduled),
        rounds * asleep.len()
    );
    assert_eq!(
        status_of(&out, DeliveryStatus::Suppressed),
        rounds * out.len()
    );

    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let mails = shop.third_parties.mails().await;
    assert!(mails.len() < 1_000, "the sandbox may have dropped some");
    for mail in mails {
        let id = mail["message_id"].as_str().unwrap();
        *times.entry(id.to_owned()).or_default() += 1;
    }
    assert_eq!(times.len(), emails, "as many identities as emails");
    let mut pushed = BTreeSet::new();
    for (token, id, title) in shop.third_parties.pushed().await {
        *times.entry(format!("{token} {id}")).or_default() += 1;
        pushed.insert(id);
        for customer in asleep.iter().chain(&out) {
            assert!(!token.contains(&customer.to_string()), "{title}");
        }
    }
    let by_push = log.iter().filter(|row| {
        row.channel == NotificationChannel::Push && row.status == DeliveryStatus::Sent
    });
    let recorded: BTreeSet<_> = by_push
        .map(|row| IdKind::Notification.format(row.id))
        .collect();
    assert_eq!(
        pushed, recorded,
        "what was pushed is recorded, and what is recorded was pushed"
    );
    let repeated = times.values().filter(|times| **times > 1).count();
    println!(
        "{rounds} kills: {emails} emails, {} push messages, {repeated} transmitted again with the same identity",
        recorded.len(),
    );
    shop.process.stop().await;
}
