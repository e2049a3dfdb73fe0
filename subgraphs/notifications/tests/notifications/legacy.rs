//! The migration of preferences from a former system with one toggle.

use std::time::Duration;

use entities::notifications::{device_token, legacy_preference, preference, preference_migration};
use notifications::legacy_file::{self, FileFormat, LegacyReport, LegacyRun, Progress};
use notifications::preference_migration::{MigrationProgress, Pace, migrate_all, repair};
use platform::clock::Clock;
use platform::database::Database;
use sea_orm::EntityTrait;
use serde_json::json;
use uuid::Uuid;

use crate::fixture::{Fixture, fixtures};

const PACE: Pace = Pace {
    batch: 10,
    pause: Duration::ZERO,
};

async fn load(run: LegacyRun<'_>, text: String) -> (LegacyReport, Vec<String>) {
    let format = if text.starts_with('{') {
        FileFormat::Json
    } else {
        FileFormat::Csv
    };
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
    let report = legacy_file::load(run, source, format, &mut tell).await;
    (report.unwrap(), problems)
}

async fn migrate(database: &Database) -> Vec<u64> {
    let mut told = Vec::new();
    let mut tell = |progress: MigrationProgress| told.push(progress.migrated);
    migrate_all(database, &Clock::system(), PACE, &mut tell)
        .await
        .unwrap();
    told
}

fn customer(number: u128) -> Uuid {
    Uuid::from_u128(number << 64)
}

/// 25 customers with every combination of the toggles.
fn customers() -> String {
    let rows = (1..=25).map(|number| {
        let (email, sms) = (number % 2 == 0, number % 3 == 0);
        format!("{},{email},{sms}\n", customer(number))
    });
    let header = "id,email_notifications,sms_notifications\n".to_owned();
    header + &rows.collect::<String>()
}

impl Fixture {
    /// Whether each cell is enabled: push, email and SMS, with four categories of each.
    async fn enabled(&mut self, customer: Uuid) -> Vec<bool> {
        self.customer = customer;
        let matrix = self.matrix().await;
        let cells = matrix["preferences"].as_array().unwrap().iter();
        cells
            .map(|cell| cell["enabled"].as_bool().unwrap())
            .collect()
    }
}

fn cells(channels: [bool; 3]) -> Vec<bool> {
    channels.into_iter().flat_map(|on| [on; 4]).collect()
}

#[tokio::test]
async fn push_is_on_for_everyone_and_email_and_sms_are_as_they_were() {
    for mut fixture in fixtures().await {
        let database = fixture.scratch.database.clone();
        let (report, problems) = load(LegacyRun::Load(&database), customers()).await;
        assert_eq!((report.customers, problems), (25, Vec::new()));
        assert_eq!(migrate(&database).await, [10, 20, 25, 25]);
        for number in 1..=25 {
            assert_eq!(
                fixture.enabled(customer(number)).await,
                cells([true, number % 2 == 0, number % 3 == 0]),
                "{} {number}",
                fixture.scratch.name
            );
        }
        // Others keep their defaults.
        let defaults = fixture.enabled(customer(26)).await;
        assert_ne!(defaults, cells([true, true, false]));
        let rows = preference::Entity::find().all(database.read());
        let before = rows.await.unwrap();
        migrate(&database).await;
        let after = preference::Entity::find().all(database.read()).await;
        let key =
            |row: &preference::Model| (row.customer_id, row.channel, row.category, row.enabled);
        let mut keys: Vec<_> = before.iter().map(key).collect();
        keys.sort();
        let mut again: Vec<_> = after.unwrap().iter().map(key).collect();
        again.sort();
        assert_eq!(keys, again, "a repetition changes nothing");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_customers_chose_themselves_is_kept_before_and_after_the_migration() {
    for mut fixture in fixtures().await {
        let database = fixture.scratch.database.clone();
        load(LegacyRun::Load(&database), customers()).await;
        let off = |category: &str| json!({ "updates": [{ "channel": "PUSH", "category": category, "enabled": false }] });
        fixture.customer = customer(1);
        fixture.update("k1", off("DEALS")).await;
        migrate(&database).await;
        fixture.update("k2", off("SOCIAL")).await;
        migrate(&database).await;
        assert!(
            repair(&database, &Clock::system(), customer(1))
                .await
                .unwrap()
        );
        let mut expected = cells([true, false, false]);
        (expected[1], expected[3]) = (false, false);
        assert_eq!(
            fixture.enabled(customer(1)).await,
            expected,
            "{}",
            fixture.scratch.name
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_repair_follows_the_source_for_one_or_all() {
    for mut fixture in fixtures().await {
        let database = fixture.scratch.database.clone();
        load(LegacyRun::Load(&database), customers()).await;
        migrate(&database).await;
        let text = [2, 4]
            .map(|number| {
                format!(
                    r#"{{"id": "{}", "email_notifications": false, "sms_notifications": true}}"#,
                    customer(number)
                )
            })
            .join("\n");
        load(LegacyRun::Load(&database), text).await;
        // Something has gone wrong.
        let mut row = preference::of_customers(database.read(), &[customer(3)])
            .await
            .unwrap();
        let row = row.remove(&customer(3)).unwrap().remove(0);
        let enabled = !row.enabled;
        preference::upsert(database.write(), vec![preference::Model { enabled, ..row }])
            .await
            .unwrap();

        let clock = Clock::system();
        for number in [2, 3] {
            assert!(repair(&database, &clock, customer(number)).await.unwrap());
        }
        let changed = cells([true, false, true]);
        let name = fixture.scratch.name;
        assert_eq!(fixture.enabled(customer(2)).await, changed, "{name}");
        assert_eq!(
            fixture.enabled(customer(3)).await,
            cells([true, false, true]),
            "{name}"
        );
        assert_eq!(
            fixture.enabled(customer(4)).await,
            cells([true, true, false]),
            "{name}"
        );
        migrate(&database).await;
        assert_eq!(fixture.enabled(customer(4)).await, changed, "{name}");
        assert!(!repair(&database, &clock, customer(26)).await.unwrap());
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_interrupted_migration_goes_on_and_two_share_the_work() {
    for mut fixture in fixtures().await {
        let database = fixture.scratch.database.clone();
        load(LegacyRun::Load(&database), customers()).await;
        let pace = Pace {
            pause: Duration::from_secs(60 * 60),
            ..PACE
        };
        let (reached, first) = tokio::sync::oneshot::channel();
        let mut reached = Some(reached);
        let clock = Clock::system();
        let mut tell = |_: MigrationProgress| {
            if let Some(reached) = reached.take() {
                reached.send(()).unwrap();
            }
        };
        tokio::select! {
            ended = migrate_all(&database, &clock, pace, &mut tell) => panic!("{ended:?}"),
            // Dropped during the pause.
            _ = first => {}
        }
        let state = preference_migration::find(database.read())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (state.migrated, state.finished_at),
            (10, None),
            "{}",
            fixture.scratch.name
        );
        let (one, other) = tokio::join!(migrate(&database), migrate(&database));
        assert_eq!(one.iter().chain(&other).max(), Some(&25));
        // One goes on. The other shares its work, or does all again if there is none left.
        assert!(one[0] > 10 || other[0] > 10, "{one:?} {other:?}");
        assert_eq!(
            fixture.enabled(customer(25)).await,
            cells([true, false, false])
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn migrated_devices_get_their_topics_again() {
    for fixture in fixtures().await {
        let database = fixture.scratch.database.clone();
        let device = |number: u128| device_token::Model {
            token: format!("device {number}"),
            customer_id: customer(number),
            platform: device_token::DevicePlatform::Web,
            region: "us".to_owned(),
            created_at: Clock::system().now(),
            topics_set_at: Some(Clock::system().now()),
        };
        for number in [1, 99] {
            device_token::upsert(database.write(), device(number))
                .await
                .unwrap();
        }
        load(LegacyRun::Load(&database), customers()).await;
        migrate(&database).await;
        let found = device_token::customers_without_topics(database.read(), 10).await;
        assert_eq!(found.unwrap(), [customer(1)], "{}", fixture.scratch.name);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn lines_that_are_wrong_are_named_and_left_out_and_a_check_changes_nothing() {
    for fixture in fixtures().await {
        let database = &fixture.scratch.database;
        let id = customer(7);
        let text = format!(
            "id,sms_notifications,email_notifications\nnobody,true,true\n{id},t,0\n{id},yes,\n{id}\n"
        );
        let (report, problems) = load(LegacyRun::Check(database), text.clone()).await;
        assert_eq!((report.customers, report.problems), (1, 4));
        assert_eq!(
            problems,
            [
                "2 id: \"nobody\" is no customer's id, usr_… or a UUID",
                "4 email_notifications: \"\" is neither true nor false",
                "4 sms_notifications: \"yes\" is neither true nor false",
                "5 : The line has 1 cells instead of 3",
            ]
        );
        let loaded = async || legacy_preference::find(database.read(), id).await.unwrap();
        assert_eq!(loaded().await, None);
        load(LegacyRun::Load(database), text).await;
        let row = loaded().await.unwrap();
        assert_eq!(
            (row.email_notifications, row.sms_notifications),
            (false, true)
        );
        fixture.scratch.drop().await;
    }
}
