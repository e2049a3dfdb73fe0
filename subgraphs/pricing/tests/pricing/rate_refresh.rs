//! Rates that are fetched: used, renewed, held and released, and what is left when they cannot be.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use entities::pricing::{exchange_rate, held_exchange_rate};
use platform::cache::RedisCache;
use platform::redis_server::RedisServer;
use pricing::{
    RateCache, RateFreshness, RefreshError, State, observe_rates, rate_override, refresh_rates,
};
use resolvers::money::CurrencyCode;
use resolvers::testing::execute;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::fixture::{Fixture, fixtures};
use crate::rate_provider::{ALL, RateProvider, Silence, all_but};

const EUR: &str = "{ exchangeRate(to: EUR) { rate effectiveRate freshness asOf fetchedAt } }";

impl Fixture {
    async fn eur(&self) -> (String, String) {
        let answer = self.ask(EUR, json!({})).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        let rate = &answer["data"]["exchangeRate"];
        let text = |name: &str| rate[name].as_str().unwrap().to_owned();
        (text("rate"), text("freshness"))
    }

    async fn row(&self, currency: &str) -> exchange_rate::Model {
        let rows = exchange_rate::all(self.scratch.database.read()).await;
        let is_asked = |row: &exchange_rate::Model| row.currency == currency;
        rows.unwrap().into_iter().find(is_asked).unwrap()
    }

    async fn held(&self) -> Vec<held_exchange_rate::Model> {
        held_exchange_rate::all(self.scratch.database.read())
            .await
            .unwrap()
    }

    /// Alerts in the outbox: currency and reason.
    async fn alerts(&self) -> Vec<(String, String)> {
        let events = self.events("pricing.events").await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        events
            .iter()
            .filter(|event| event.get("reason").is_some())
            .map(|event| (text(&event["currency"]), text(&event["reason"])))
            .collect()
    }

    /// The rates in the outbox that are used, by event.
    async fn refreshed(&self) -> Vec<Vec<(String, String)>> {
        let events = self.events("pricing.events").await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let rates = events.iter().filter_map(|event| event["rates"].as_array());
        rates
            .map(|rates| {
                let rates = rates.iter();
                rates
                    .map(|rate| (text(&rate["currency"]), text(&rate["rate"])))
                    .collect()
            })
            .collect()
    }
}

#[tokio::test]
async fn fetched_rates_are_used_and_an_unchanged_answer_renews_them() {
    for fixture in fixtures().await {
        let provider = RateProvider::start(&ALL).await;
        let (state, client) = (&fixture.state, provider.client(&fixture.clock));
        let report = refresh_rates(state, &client).await.unwrap();
        assert!(!report.unchanged);
        assert_eq!(report.used.len(), 7);
        let published = fixture.refreshed().await;
        assert_eq!(published.len(), 1);
        let first = fixture.row("EUR").await;
        assert!(published[0].contains(&("EUR".to_owned(), first.rate.clone())));
        assert_eq!(
            (first.rate.as_str(), first.fetched_at),
            ("0.9", fixture.clock.now())
        );
        assert_eq!(
            first.as_of.timestamp(),
            1_760_011_200,
            "the provider's own time"
        );

        fixture.clock.advance(Duration::minutes(20));
        assert_eq!(fixture.eur().await, ("0.9".to_owned(), "STALE".to_owned()));
        assert!(refresh_rates(state, &client).await.unwrap().unchanged);
        assert_eq!(fixture.row("EUR").await.fetched_at, fixture.clock.now());
        assert_eq!(fixture.eur().await, ("0.9".to_owned(), "FRESH".to_owned()));

        provider.tell(&all_but("EUR", 0.91));
        assert!(!refresh_rates(state, &client).await.unwrap().unchanged);
        assert_eq!(fixture.eur().await.0, "0.91");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_rate_that_moves_too_far_is_held_until_it_is_released() {
    for fixture in fixtures().await {
        let provider = RateProvider::start(&ALL).await;
        let (state, client) = (&fixture.state, provider.client(&fixture.clock));
        refresh_rates(state, &client).await.unwrap();
        // Exactly ten percent is believed.
        provider.tell(&all_but("JPY", 165.0));
        assert_eq!(
            refresh_rates(state, &client).await.unwrap().held,
            [] as [&str; 0]
        );

        provider.tell(&all_but("EUR", 1.08));
        let held_since = fixture.clock.now();
        for _ in 0..3 {
            let report = refresh_rates(state, &client).await.unwrap();
            assert_eq!(report.held, ["EUR"]);
            fixture.clock.advance(Duration::minutes(5));
        }
        assert_eq!(fixture.eur().await, ("0.9".to_owned(), "STALE".to_owned()));
        let held = fixture.held().await;
        assert_eq!(
            (held[0].rate.as_str(), held[0].held_since),
            ("1.08", held_since)
        );
        let alerts = fixture.alerts().await;
        assert_eq!(alerts, [("EUR".to_owned(), "held".to_owned())], "once");
        let listed = rate_override::list(state).await.unwrap();
        let move_percent = listed[0].held.as_ref().unwrap().move_percent;
        assert_eq!(move_percent.unwrap().normalize().to_string(), "20");

        let released = rate_override::release(state, CurrencyCode::Eur)
            .await
            .unwrap();
        assert_eq!(released.unwrap().rate, "1.08");
        assert_eq!(fixture.eur().await, ("1.08".to_owned(), "FRESH".to_owned()));
        assert_eq!(fixture.held().await, []);
        assert!(
            rate_override::release(state, CurrencyCode::Eur)
                .await
                .unwrap()
                .is_none()
        );
        // It is the provider's: "unchanged" renews it.
        assert!(refresh_rates(state, &client).await.unwrap().unchanged);
        assert_eq!(fixture.row("EUR").await.fetched_at, fixture.clock.now());
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_held_rate_that_a_second_source_has_too_is_used() {
    for fixture in fixtures().await {
        let first = RateProvider::start(&ALL).await;
        let second = RateProvider::start(&all_but("EUR", 1.08)).await;
        let client = first.client(&fixture.clock);
        let state = State {
            second_rate_provider: Some(second.client(&fixture.clock)),
            ..fixture.state.clone()
        };
        refresh_rates(&state, &client).await.unwrap();
        let both: Vec<_> = ALL
            .into_iter()
            .map(|(currency, rate)| match currency {
                "EUR" => (currency, 1.089),
                "JPY" => (currency, 190.0),
                _ => (currency, rate),
            })
            .collect();
        first.tell(&both);
        let report = refresh_rates(&state, &client).await.unwrap();
        assert_eq!(report.held, ["JPY"], "only one of them has it");
        assert_eq!(fixture.row("EUR").await.rate, "1.089");
        assert_eq!(fixture.row("JPY").await.rate, "150.0");
        // Without an answer of the second source, everything stays held.
        second.refuse(503, json!({}));
        let report = refresh_rates(&state, &client).await.unwrap();
        assert_eq!(report.held, ["JPY"]);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_held_rate_is_dropped_when_the_next_is_near_again() {
    for fixture in fixtures().await {
        let provider = RateProvider::start(&ALL).await;
        let (state, client) = (&fixture.state, provider.client(&fixture.clock));
        refresh_rates(state, &client).await.unwrap();
        provider.tell(&all_but("GBP", 7.5));
        refresh_rates(state, &client).await.unwrap();
        assert_eq!(fixture.held().await.len(), 1);
        provider.tell(&all_but("GBP", 0.76));
        refresh_rates(state, &client).await.unwrap();
        assert_eq!(fixture.held().await, []);
        assert_eq!(fixture.row("GBP").await.rate, "0.76");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_rate_that_is_set_is_used_until_the_next_fetch() {
    for fixture in fixtures().await {
        let provider = RateProvider::start(&ALL).await;
        let (state, client) = (&fixture.state, provider.client(&fixture.clock));
        refresh_rates(state, &client).await.unwrap();
        let set = rate_override::set(state, CurrencyCode::Eur, "0.95".parse().unwrap()).await;
        assert_eq!(set.unwrap().source, "manual");
        assert_eq!(fixture.eur().await.0, "0.95");
        // The provider's answer is the same as before, and what it says is used again.
        let report = refresh_rates(state, &client).await.unwrap();
        assert!(!report.unchanged);
        assert_eq!(fixture.eur().await.0, "0.9");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn answers_that_cannot_be_used_leave_the_last_known_rates() {
    for fixture in fixtures().await {
        let provider = RateProvider::start(&ALL).await;
        let (state, client) = (&fixture.state, provider.client(&fixture.clock));
        refresh_rates(state, &client).await.unwrap();
        let before = fixture.row("EUR").await;
        let other_base = json!({"timestamp": 1, "base": "EUR", "rates": {"EUR": 1, "GBP": 0.8}});
        let nothing = json!({"timestamp": 1, "base": "USD", "rates": {"XTS": 1, "EUR": 0}});
        for (status, body, expected) in [
            (200, other_base, "rates from \"EUR\": only those from USD"),
            (200, nothing, "none of our currencies"),
            (200, json!("rates"), "invalid response"),
            (429, json!({}), "answered 429"),
            (401, json!({"message": "invalid_app_id"}), "invalid_app_id"),
        ] {
            provider.refuse(status, body);
            let client = provider.client(&fixture.clock);
            let error = refresh_rates(state, &client).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
            assert_eq!(fixture.row("EUR").await, before);
        }
        // What is missing keeps its last known rate, and the others are used.
        provider.tell(&[("GBP", 0.76)]);
        let client = provider.client(&fixture.clock);
        fixture.clock.advance(Duration::minutes(1));
        let report = refresh_rates(state, &client).await.unwrap();
        assert_eq!(report.missing, ["EUR", "CAD", "AUD", "JPY", "MXN", "BRL"]);
        assert_eq!(fixture.row("EUR").await, before);
        assert_eq!(fixture.row("GBP").await.rate, "0.76");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_provider_that_falls_silent_is_given_up_and_nobody_else_waits() {
    for fixture in fixtures().await {
        let provider = RateProvider::start(&ALL).await;
        let state = &fixture.state;
        refresh_rates(state, &provider.client(&fixture.clock))
            .await
            .unwrap();
        for silence in [Silence::BeforeHeaders, Silence::WithinBody] {
            let asked = provider.fall_silent(silence);
            let (state, client) = (state.clone(), provider.impatient_client(&fixture.clock));
            let fetch = tokio::spawn(async move { refresh_rates(&state, &client).await });
            asked.notified().await;
            // It holds nothing that others need.
            assert_eq!(fixture.eur().await, ("0.9".to_owned(), "FRESH".to_owned()));
            let set = rate_override::set(&fixture.state, CurrencyCode::Gbp, Decimal::ONE).await;
            set.unwrap();
            let error = fetch.await.unwrap().unwrap_err();
            assert!(
                matches!(error, RefreshError::Provider(_)),
                "{silence:?}: {error}"
            );
            assert_eq!(fixture.row("EUR").await.rate, "0.9");
            assert_eq!(fixture.row("GBP").await.rate, "1");
        }
        provider.tell(&ALL);
        let report = refresh_rates(state, &provider.client(&fixture.clock)).await;
        // What was set by hand is a move too far from the provider's.
        assert_eq!(report.unwrap().held, ["GBP"]);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn rates_are_fetched_whichever_way_the_clock_jumps() {
    for fixture in fixtures().await {
        let provider = RateProvider::start(&ALL).await;
        let (state, client) = (&fixture.state, provider.client(&fixture.clock));
        let mut rate = 0.9;
        for jump in [
            Duration::days(400),
            Duration::days(-400),
            Duration::hours(-3),
        ] {
            refresh_rates(state, &client).await.unwrap();
            fixture.clock.advance(jump);
            let (_, freshness) = fixture.eur().await;
            assert_eq!(freshness, "VERY_STALE", "{jump}: its age is not known");
            rate += 0.01;
            provider.tell(&all_but("EUR", rate));
            refresh_rates(state, &client).await.unwrap();
            assert_eq!(fixture.row("EUR").await.fetched_at, fixture.clock.now());
            assert_eq!(fixture.eur().await, (rate.to_string(), "FRESH".to_owned()));
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_change_of_freshness_is_reported_once_and_a_very_stale_rate_alerts() {
    for fixture in fixtures().await {
        let provider = RateProvider::start(&all_but("EUR", 0.9)).await;
        let state = &fixture.state;
        let client = provider.client(&fixture.clock);
        refresh_rates(state, &client).await.unwrap();
        let other = State::new(fixture.scratch.database.clone(), fixture.clock.clone());
        let mut seen = Vec::new();
        for minutes in [0, 15, 30, 16, 1] {
            fixture.clock.advance(Duration::minutes(minutes));
            // Two instances look.
            let mut changes = observe_rates(state).await.unwrap();
            changes.extend(observe_rates(&other).await.unwrap());
            let eur = changes
                .into_iter()
                .filter(|(currency, _)| currency == "EUR");
            seen.push(eur.map(|(_, freshness)| freshness).collect::<Vec<_>>());
        }
        refresh_rates(state, &client).await.unwrap();
        let changes = observe_rates(&other).await.unwrap();
        assert_eq!(changes.len(), 7);
        assert!(
            changes
                .iter()
                .all(|(_, freshness)| *freshness == RateFreshness::Fresh)
        );
        use RateFreshness::{Stale, VeryStale};
        assert_eq!(
            seen,
            [vec![], vec![Stale], vec![], vec![VeryStale], vec![]],
            "{}",
            fixture.scratch.name
        );
        let alerts = fixture.alerts().await;
        assert_eq!(alerts.len(), 7);
        assert!(alerts.contains(&("EUR".to_owned(), "very_stale".to_owned())));
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn another_instance_uses_a_new_rate_within_a_second() {
    for fixture in fixtures().await {
        let provider = RateProvider::start(&ALL).await;
        let other = State::new(fixture.scratch.database.clone(), fixture.clock.clone());
        let client = provider.client(&fixture.clock);
        refresh_rates(&other, &client).await.unwrap();
        assert_eq!(fixture.eur().await.0, "0.9");
        provider.tell(&all_but("EUR", 0.91));
        refresh_rates(&other, &client).await.unwrap();
        fixture.clock.advance(Duration::seconds(1));
        assert_eq!(fixture.eur().await.0, "0.91");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_rate_from_the_future_is_one_of_unknown_age() {
    for fixture in fixtures().await {
        let ahead = |minutes| fixture.clock.now() + Duration::minutes(minutes);
        let eur = |fetched_at: DateTime<Utc>| vec![crate::fixture::rate("EUR", "0.9", fetched_at)];
        fixture.rates(eur(ahead(5))).await;
        assert_eq!(fixture.eur().await.1, "FRESH");
        fixture.rates(eur(ahead(120))).await;
        fixture.clock.advance(Duration::seconds(2));
        assert_eq!(fixture.eur().await.1, "VERY_STALE");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_cached_rate_is_used_when_the_database_is_gone() {
    for fixture in fixtures().await {
        let now = fixture.clock.now();
        fixture
            .rates(vec![crate::fixture::rate("EUR", "0.9", now)])
            .await;
        assert_eq!(fixture.eur().await.0, "0.9");
        fixture.clock.advance(Duration::minutes(16));
        fixture.rename_table("exchange_rates", "gone").await;
        assert_eq!(fixture.eur().await, ("0.9".to_owned(), "STALE".to_owned()));
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn rates_are_read_from_the_database_while_redis_is_away() {
    for fixture in fixtures().await {
        // Accepts connections, and does not answer.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent = format!("redis://{}", listener.local_addr().unwrap());
        // Nobody listens at the first.
        for url in ["redis://127.0.0.1:1", &silent] {
            let redis = RedisCache::new(
                &RedisServer::open(url).unwrap(),
                "exchange_rates",
                RateCache::BOUNDS,
            );
            let state = State {
                rate_cache: RateCache::new(Arc::new(redis.without_prefix())),
                ..fixture.state.clone()
            };
            let provider = RateProvider::start(&ALL).await;
            refresh_rates(&state, &provider.client(&fixture.clock))
                .await
                .unwrap();
            let subgraph = pricing::subgraph(state);
            for (minutes, freshness) in [(0, "FRESH"), (16, "STALE"), (45, "VERY_STALE")] {
                fixture.clock.advance(Duration::minutes(minutes));
                let answer = execute(&subgraph, None, EUR, json!({})).await;
                assert_eq!(answer["data"]["exchangeRate"]["freshness"], freshness);
                assert_eq!(answer["data"]["exchangeRate"]["rate"], "0.9");
            }
        }
        fixture.scratch.drop().await;
    }
}
