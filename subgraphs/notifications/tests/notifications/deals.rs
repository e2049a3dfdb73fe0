//! When deals are sent: in their window and never in quiet hours, by what the customer wants at that moment.

use chrono::TimeDelta;
use entities::notifications::notification::DeliveryStatus;
use notifications::deals::{self, Drained};
use serde_json::json;

use crate::shop::{customer, shops, time};

#[tokio::test]
async fn a_deal_at_eleven_in_the_evening_goes_out_at_seven_in_the_morning() {
    let new_york = "America/New_York";
    for (zone, evening, morning) in [
        (
            new_york,
            "2025-09-29T23:00:00-04:00",
            "2025-09-30T07:00:00-04:00",
        ),
        // The nights on which the clocks change.
        (
            new_york,
            "2025-11-01T23:00:00-04:00",
            "2025-11-02T07:00:00-05:00",
        ),
        (
            new_york,
            "2026-03-07T23:00:00-05:00",
            "2026-03-08T07:00:00-04:00",
        ),
        (
            "Europe/Berlin",
            "2026-03-28T23:00:00+01:00",
            "2026-03-29T07:00:00+02:00",
        ),
        (
            "Australia/Lord_Howe",
            "2026-10-03T23:00:00+10:30",
            "2026-10-04T07:00:00+11:00",
        ),
    ] {
        for shop in shops(evening).await {
            let name = shop.scratch.name;
            shop.quiet_nights(customer(1), zone).await;
            let end = (time(evening) + TimeDelta::days(2)).to_rfc3339();
            shop.schedule("Sale", &[customer(1)], &end, json!({})).await;
            assert_eq!(
                shop.message().await.scheduled_for,
                Some(time(morning)),
                "{name}"
            );
            assert_eq!(shop.drain().await, Drained::default());
            let second_before = (time(morning) - TimeDelta::seconds(1)).to_rfc3339();
            shop.set_time(&second_before);
            assert_eq!(shop.drain().await, Drained::default());
            shop.set_time(morning);
            assert_eq!(shop.drain().await.sent, 1, "{name} {zone} {evening}");
            let message = shop.message().await;
            assert_eq!(message.status, DeliveryStatus::Sent);
            assert_eq!(message.sent_at, Some(time(morning)));
            assert_eq!(shop.queue().await, []);
            assert_eq!(shop.drain().await, Drained::default());
            shop.scratch.drop().await;
        }
    }
}

#[tokio::test]
async fn what_customers_change_meanwhile_decides() {
    for shop in shops("2026-06-01T23:00:00Z").await {
        let name = shop.scratch.name;
        let [traveller, sleeper, tired, out] = [1, 2, 3, 4].map(customer);
        for each in [traveller, sleeper, out] {
            shop.quiet_nights(each, "UTC").await;
        }
        let everyone = [traveller, sleeper, tired, out];
        shop.schedule("Sale", &everyone, "2026-06-03T00:00:00Z", json!({}))
            .await;
        // It is four in the afternoon there.
        shop.prefer(traveller, Some("America/Los_Angeles"), json!({}))
            .await;
        let later = json!({ "quietHours": { "start": "21:00", "end": "09:30" } });
        shop.prefer(sleeper, None, later).await;
        shop.prefer(
            tired,
            None,
            json!({ "quietHours": { "start": "22:30", "end": "23:30" } }),
        )
        .await;
        shop.prefer(out, None, json!({ "enabled": false })).await;
        shop.send_due().await;
        let times: Vec<_> = shop
            .messages()
            .await
            .iter()
            .map(|row| row.scheduled_for.unwrap())
            .collect();
        let at = |text: &str| time(text);
        assert_eq!(
            times[..3],
            [
                at("2026-06-01T23:00:00Z"),
                at("2026-06-02T09:30:00Z"),
                at("2026-06-01T23:30:00Z")
            ],
            "{name}"
        );
        let drained = shop.drain().await;
        assert_eq!((drained.sent, drained.put_off), (1, 0), "{name}");
        shop.set_time("2026-06-01T23:30:00Z");
        assert_eq!(shop.drain().await.sent, 1);
        shop.set_time("2026-06-02T09:30:00Z");
        let drained = shop.drain().await;
        assert_eq!((drained.sent, drained.opted_out), (1, 1), "{name}");
        let last = shop.messages().await.remove(3);
        assert_eq!(last.status, DeliveryStatus::Suppressed);
        assert_eq!(last.reason.as_deref(), Some("opted_out"));
        assert_eq!(shop.queue().await, []);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn quiet_hours_of_the_moment_decide_even_if_nothing_was_computed_anew() {
    for shop in shops("2026-06-01T12:00:00Z").await {
        let window = json!({ "windowStart": "2026-06-01T22:30:00Z" });
        shop.schedule("Sale", &[customer(1)], "2026-06-03T00:00:00Z", window)
            .await;
        shop.import_quiet_nights(customer(1)).await;
        let expected = || async { shop.message().await.scheduled_for.unwrap() };
        assert_eq!(expected().await, time("2026-06-01T22:30:00Z"));
        if shop.scratch.name == "sqlite" {
            // Once a day, all are computed anew.
            deals::recalculate_all(&shop.scratch.database, &shop.clock)
                .await
                .unwrap();
            assert_eq!(expected().await, time("2026-06-02T07:00:00Z"));
        }
        shop.set_time("2026-06-01T22:30:00Z");
        assert_eq!(shop.drain().await.sent, 0, "{}", shop.scratch.name);
        assert_eq!(expected().await, time("2026-06-02T07:00:00Z"));
        shop.set_time("2026-06-02T07:00:00Z");
        assert_eq!(shop.drain().await.sent, 1);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_deal_whose_window_ends_is_dropped_and_counted() {
    for shop in shops("2026-06-01T23:00:00Z").await {
        // Its night becomes quiet after it was scheduled, or nobody drains while it can be sent.
        let later = json!({ "windowStart": "2026-06-02T01:00:00Z" });
        shop.schedule("Night", &[customer(1)], "2026-06-02T03:00:00Z", later)
            .await;
        shop.quiet_nights(customer(1), "UTC").await;
        shop.schedule("Missed", &[customer(2)], "2026-06-02T00:00:00Z", json!({}))
            .await;
        shop.set_time("2026-06-02T03:00:00Z");
        let drained = shop.drain().await;
        assert_eq!(
            (drained.expired, drained.sent),
            (2, 0),
            "{}",
            shop.scratch.name
        );
        for message in shop.messages().await {
            assert_eq!(message.status, DeliveryStatus::Suppressed);
            assert_eq!(message.reason.as_deref(), Some("expired"));
        }
        assert_eq!(shop.queue().await, []);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_is_sent_to_nobody_does_not_count_as_sent() {
    for mut shop in shops("2026-06-01T12:00:00Z").await {
        // Push messages have no provider, and are not logged instead.
        shop.state.delivery.log = false;
        let end = "2026-06-03T00:00:00Z";
        shop.schedule("Sale", &[customer(1)], end, json!({})).await;
        let drained = shop.drain().await;
        let skipped = Drained {
            skipped: 1,
            ..Drained::default()
        };
        assert_eq!(drained, skipped, "{}", shop.scratch.name);
        let message = shop.message().await;
        assert_eq!(message.status, DeliveryStatus::Suppressed);
        assert_eq!(message.reason.as_deref(), Some("channel_not_configured"));
        assert_eq!(shop.queue().await, []);
        shop.scratch.drop().await;
    }
}
