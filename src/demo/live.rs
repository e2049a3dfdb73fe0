//! Keeps the demo shop moving: parcels advance, and when one is about to reach the demo customer, another order is
//! placed and dispatched, so that there is always a parcel of each carrier to watch.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;
use async_graphql::Variables;
use chrono::{DateTime, TimeDelta, Utc};
use entities::tracking::shipment;
use platform::caller::Caller;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use resolvers::client::Document;
use resolvers::id::IdKind;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracking::{Carrier, State, TrackingStatus, demo_dispatch, demo_missing_carriers, demo_tick};
use uuid::Uuid;

use super::Plan;
use super::shipments::tracking_number;

/// Wait before retrying an order that could not be placed.
const REST: TimeDelta = TimeDelta::minutes(1);

/// Keeps the shop of this plan moving until shutdown.
pub(crate) async fn run(tracking: State, plan: Plan, every: Duration, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(every);
    let mut live = Live {
        customer: plan.customer(0).id,
        rests_until: tracking.clock.now(),
        tracking,
        random: ChaCha8Rng::seed_from_u64(0),
        placed: HashMap::new(),
    };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = live.tick().await {
            tracing::warn!(?error, "demo parcels not moved");
        }
    }
}

struct Live {
    tracking: State,
    /// The demo customer.
    customer: Uuid,
    random: ChaCha8Rng,
    /// Orders whose payment must settle before their parcel is dispatched.
    placed: HashMap<Carrier, Uuid>,
    /// No order is placed before this time.
    rests_until: DateTime<Utc>,
}

impl Live {
    async fn tick(&mut self) -> anyhow::Result<()> {
        for carrier in demo_missing_carriers(&self.tracking, self.customer).await? {
            if self.tracking.clock.now() < self.rests_until {
                break;
            }
            if let Err(error) = self.send_next(carrier).await {
                tracing::warn!(?error, carrier = carrier.as_str(), "demo order not placed");
                self.rests_until = self.tracking.clock.now() + REST;
            }
        }
        demo_tick(&self.tracking, &mut self.random, Some(self.customer)).await?;
        Ok(())
    }

    /// Places an order, and dispatches its parcel once it is paid.
    async fn send_next(&mut self, carrier: Carrier) -> anyhow::Result<()> {
        let Some(&id) = self.placed.get(&carrier) else {
            let id = self.place_order().await?;
            self.placed.insert(carrier, id);
            return Ok(());
        };
        let variables = json!({ "id": IdKind::Order.format(id) });
        let found: Status = self.query(&STATUS, variables).await?;
        match found.order.map(|order| order.status).as_deref() {
            Some("PENDING") => return Ok(()),
            Some("CONFIRMED") => {
                let digits = self.random.random_range(1_000_000_000..10_000_000_000);
                let parcel = parcel(&self.tracking, id, self.customer, carrier, digits);
                demo_dispatch(&self.tracking, &parcel).await?;
            }
            // Declined, or already dispatched.
            _ => {}
        }
        self.placed.remove(&carrier);
        Ok(())
    }

    /// Repeats an earlier order of the customer, as any storefront could.
    async fn place_order(&mut self) -> anyhow::Result<Uuid> {
        let before: Before = self.query(&BEFORE, json!({})).await?;
        let before = before.me.and_then(|me| me.orders.nodes.into_iter().next());
        let before = before.context("the demo customer has no order")?;
        let item = before.items.first().context("an order without a line")?;
        let key: u64 = self.random.random();
        let variables = json!({
            "key": format!("demo-{}-{key:x}", self.tracking.clock.now().timestamp()),
            "input": {
                "items": [{ "productId": item.product.id, "quantity": 1 }],
                "shippingAddress": before.shipping_address,
                "paymentMethodToken": "pm_card_visa",
            },
        });
        let answer: Answer = self.query(&PLACE, variables).await?;
        let placed = answer.order_place.order.context("the order was refused")?;
        IdKind::Order
            .parse(&placed.id)
            .context("an order with a malformed id")
    }

    async fn query<T: serde::de::DeserializeOwned>(
        &self,
        document: &'static Document,
        variables: Value,
    ) -> anyhow::Result<T> {
        let caller = Caller::customer(IdKind::Customer.format(self.customer));
        let variables = Variables::from_json(variables);
        Ok(self
            .tracking
            .orders
            .query(&caller, document, variables)
            .await?)
    }
}

fn parcel(
    state: &State,
    order_id: Uuid,
    customer_id: Uuid,
    carrier: Carrier,
    digits: u64,
) -> shipment::Model {
    let now = state.clock.now();
    shipment::Model {
        id: Uuid::now_v7(),
        order_id,
        return_id: None,
        customer_id,
        carrier,
        tracking_number: tracking_number(carrier, digits),
        status: TrackingStatus::LabelCreated,
        location: None,
        last_update: None,
        estimated_delivery: None,
        sequence: 0,
        consecutive_errors: 0,
        returned_to_sender: false,
        estimated_at: None,
        overdue_at: None,
        registered_at: None,
        last_polled_at: Some(now),
        last_answered_at: Some(now),
        created_at: now,
    }
}

static BEFORE: Document = Document::new(
    "query {
    me { orders(first: 1, status: [DELIVERED]) { nodes {
        items { product { id } }
        shippingAddress { name line1 line2 city region postalCode countryCode }
    } } }
}",
);

static PLACE: Document = Document::new(
    "mutation($input: OrderPlaceInput!, $key: String!) {
    orderPlace(input: $input, idempotencyKey: $key) { order { id } }
}",
);

static STATUS: Document = Document::new(
    "query($id: ID!) {
    order(id: $id) { status }
}",
);

#[derive(Deserialize)]
struct Before {
    me: Option<Me>,
}

#[derive(Deserialize)]
struct Me {
    orders: Orders,
}

#[derive(Deserialize)]
struct Orders {
    nodes: Vec<Ordered>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ordered {
    items: Vec<Item>,
    shipping_address: Value,
}

#[derive(Deserialize)]
struct Item {
    product: Found,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    order_place: Placed,
}

#[derive(Deserialize)]
struct Placed {
    order: Option<Found>,
}

#[derive(Deserialize)]
struct Found {
    id: String,
}

#[derive(Deserialize)]
struct Status {
    order: Option<OrderStatus>,
}

#[derive(Deserialize)]
struct OrderStatus {
    status: String,
}
