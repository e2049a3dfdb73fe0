//! Changes the price of one product, again and again, and measures when everybody knows.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use futures::future::{FutureExt, LocalBoxFuture, try_join_all};
use platform::tables::{inbox_event, outbox_event};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::figures::Latencies;
use crate::fleet::Fleet;

/// The groups that read the event of a price, each with its domain.
const GROUPS: [(&str, &str); 2] = [("search", "search.prices"), ("pricing", "pricing.live")];
/// Far longer than anybody should take.
const PATIENCE: Duration = Duration::from_secs(60);

const FIRST: &str = r#"{ productSearch(query: "", first: 1) { nodes { id } } }"#;
const PRICE: &str =
    "query($id: ID!) { product(id: $id) { price(currency: USD) { current { usd { amount } } } } }";
const SET: &str = "mutation($input: PriceSetInput!, $key: String!) {
    priceSet(input: $input, idempotencyKey: $key) { products { id } userErrors { code field } }
}";

/// A product whose price changes.
pub(crate) struct Changes<'a> {
    fleet: &'a Fleet,
    http: reqwest::Client,
    routers: Vec<String>,
    product: String,
    token: String,
}

/// From the change to its effects.
pub(crate) struct Outcome {
    /// Until the event was given to the bus and noted as such.
    pub(crate) published: Latencies,
    /// Until each group's handler began with it.
    pub(crate) groups: Vec<(&'static str, Latencies)>,
    /// From the answer, until no router uses the price of before.
    pub(crate) routers: Latencies,
}

impl<'a> Changes<'a> {
    pub(crate) async fn of(fleet: &'a Fleet) -> anyhow::Result<Self> {
        let mut changes = Self {
            fleet,
            http: reqwest::Client::new(),
            routers: fleet.routers(),
            product: String::new(),
            token: fleet
                .run(&["token", "--demo", "--scope", "merchandising"])
                .await?,
        };
        let begun = Instant::now();
        // The index may still be built.
        while changes.product.is_empty() {
            ensure!(begun.elapsed() < PATIENCE, "the shop has no product");
            let found = changes.ask(&changes.routers[0], FIRST, json!({})).await?;
            let id = found["productSearch"]["nodes"][0]["id"].as_str();
            changes.product = id.unwrap_or_default().to_owned();
        }
        Ok(changes)
    }

    async fn ask(&self, router: &str, query: &str, variables: Value) -> anyhow::Result<Value> {
        let body = json!({ "query": query, "variables": variables });
        let mut request = self.http.post(format!("http://{router}/graphql"));
        // What visitors see is stored; a token is for changes.
        if query == SET {
            request = request.bearer_auth(&self.token);
        }
        let answer: Value = request.json(&body).send().await?.json().await?;
        ensure!(answer.get("errors").is_none(), "{answer}");
        Ok(answer["data"].clone())
    }

    /// The price that a visitor sees there.
    async fn price(&self, router: &str) -> anyhow::Result<String> {
        let variables = json!({ "id": self.product });
        let data = self.ask(router, PRICE, variables).await?;
        let amount = data["product"]["price"]["current"]["usd"]["amount"].as_str();
        Ok(amount.context("no price")?.to_owned())
    }

    pub(crate) fn mutate<'b>(&'b self, price: &'b str) -> LocalBoxFuture<'b, anyhow::Result<()>> {
        async move {
            let change =
                json!({ "productId": self.product, "baseUsd": price, "reason": "benchmark" });
            let variables = json!({ "input": { "changes": [change] }, "key": Uuid::now_v7() });
            let set = self.ask(&self.routers[0], SET, variables).await?;
            ensure!(set["priceSet"]["userErrors"] == json!([]), "{set}");
            Ok(())
        }
        .boxed_local()
    }

    pub(crate) fn import<'b>(&'b self, price: &'b str) -> LocalBoxFuture<'b, anyhow::Result<()>> {
        async move {
            let file = self.fleet.data().join("prices.csv");
            std::fs::write(
                &file,
                format!("productId,baseUsd\n{},{price}\n", self.product),
            )?;
            let file = file.to_str().context("a path in UTF-8")?;
            self.fleet.run(&["prices", "import", file]).await.map(drop)
        }
        .boxed_local()
    }

    /// Makes this many changes.
    pub(crate) async fn run(
        &self,
        changes: usize,
        change: impl for<'b> Fn(&'b Self, &'b str) -> LocalBoxFuture<'b, anyhow::Result<()>>,
    ) -> anyhow::Result<Outcome> {
        let since = Utc::now();
        let mut fresh = Vec::with_capacity(changes);
        for number in 0..changes {
            // At any moment between what others do periodically.
            let pause = u64::try_from(number)? * 137 % 1_009;
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let before = self.stored().await?;
            // Differs from the one before, whatever the product's discount.
            let price = format!("{}{:02}.49", 1 + number % 2, number % 100);
            change(self, &price).await?;
            fresh.push(self.until_changed(&before).await?);
        }
        let (published, groups) = self.events(since).await?;
        Ok(Outcome {
            published,
            groups,
            routers: Latencies::new(fresh),
        })
    }

    /// Makes every router store the price, which it returns.
    async fn stored(&self) -> anyhow::Result<String> {
        let mut price = String::new();
        for router in &self.routers {
            for _ in 0..3 {
                price = self.price(router).await?;
            }
        }
        Ok(price)
    }

    /// How long any router still has the price of before.
    async fn until_changed(&self, before: &str) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let routers = self.routers.iter().map(|router| async move {
            while self.price(router).await? == before {
                ensure!(begun.elapsed() < PATIENCE, "{router} still has {before}");
            }
            anyhow::Ok(begun.elapsed())
        });
        let all = try_join_all(routers).await?;
        all.into_iter().max().context("no router")
    }

    /// When the events since then were published and handled, from the databases.
    async fn events(
        &self,
        since: DateTime<Utc>,
    ) -> anyhow::Result<(Latencies, Vec<(&'static str, Latencies)>)> {
        let pricing = self.fleet.database("pricing").await?;
        let events = outbox_event::Entity::find()
            .filter(outbox_event::Column::Topic.eq("pricing.events"))
            .filter(outbox_event::Column::EventType.eq("price.changed"))
            .filter(outbox_event::Column::OccurredAt.gte(since))
            .all(pricing.read())
            .await?;
        let published = events.iter().filter_map(|event| {
            let published = event.published_at? - event.occurred_at;
            published.to_std().ok()
        });
        let published = Latencies::new(published.collect());
        let occurred: HashMap<String, DateTime<Utc>> = events
            .iter()
            .map(|event| (event.id.to_string(), event.occurred_at))
            .collect();
        let mut groups = Vec::new();
        for (domain, group) in GROUPS {
            let database = self.fleet.database(domain).await?;
            let handled = inbox_event::Entity::find()
                .filter(inbox_event::Column::Consumer.eq(group))
                .filter(inbox_event::Column::ReceivedAt.gte(since))
                .all(database.read())
                .await?;
            let latencies = handled.iter().filter_map(|handled| {
                let occurred = occurred.get(&handled.event_id)?;
                (handled.received_at - *occurred).to_std().ok()
            });
            groups.push((group, Latencies::new(latencies.collect())));
            database.close().await;
        }
        pricing.close().await;
        Ok((published, groups))
    }
}
