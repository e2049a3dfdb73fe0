//! Starts the sandbox, and loads it with what third parties would know about an existing shop.

mod warehouse;

use std::collections::HashMap;
use std::net::SocketAddr;

use anyhow::Context;
use entities::orders::order_payment::PaymentState;
use entities::orders::{order, order_payment};
use entities::returns::customer_return;
use entities::tracking::shipment::{self, TrackingStatus};
use futures::FutureExt;
use platform::clock::Clock;
use platform::supervisor::{Stage, Supervisor};
use resolvers::id::IdKind;
use sandbox::{Carrier, ExistingParcel, ExistingPayment, Provider, Sandbox, Status};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error;
use tokio::net::TcpListener;
use url::Url;

use crate::config;
use crate::config::{Configuration, Mode};
use crate::domains::{Domain, Domains};
use crate::keys;

/// A sandbox that serves until the process ends.
pub(crate) struct SandboxServer {
    pub(crate) address: SocketAddr,
    /// Of the mail server.
    pub(crate) mail_address: SocketAddr,
    sandbox: Sandbox,
}

/// Maximum number of orders and parcels loaded, the newest first.
const MAX_LOADED: u64 = 10_000;

/// Parcels that a carrier can still be asked about.
const IN_TRANSIT: [TrackingStatus; 8] = [
    TrackingStatus::LabelCreated,
    TrackingStatus::Shipped,
    TrackingStatus::InTransit,
    TrackingStatus::OutForDelivery,
    TrackingStatus::DeliveryAttempted,
    TrackingStatus::AvailableForPickup,
    TrackingStatus::Returning,
    TrackingStatus::Exception,
];

/// Serves all simulators. `flag` is the option named in errors.
pub(crate) async fn start(
    configuration: &config::Sandbox,
    clock: &Clock,
    flag: &str,
    supervisor: &Supervisor,
) -> anyhow::Result<SandboxServer> {
    let listen = configuration.listen;
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!("the sandbox cannot listen on {listen}; choose another with {flag}")
    })?;
    let address = listener
        .local_addr()
        .context("the sandbox's listener has no address")?;
    let listen = configuration.smtp_listen;
    let mail = TcpListener::bind(listen).await.with_context(|| {
        format!("the sandbox's mail server cannot listen on {listen}; set sandbox.smtp_listen")
    })?;
    let mail_address = mail
        .local_addr()
        .context("the mail server's listener has no address")?;
    let sandbox = Sandbox::new(configuration.world(), clock.clone());
    sandbox
        .start(listener, supervisor)
        .context("the sandbox cannot serve")?;
    sandbox
        .start_mail_server(mail, supervisor)
        .context("the sandbox's mail server cannot serve")?;
    Ok(SandboxServer {
        address,
        mail_address,
        sandbox,
    })
}

/// Whether `serve` has third parties to simulate: in development, if subgraphs run in this process and some real
/// providers are not configured.
pub(crate) fn is_required(configuration: &Configuration, subgraphs_here: usize) -> bool {
    configuration.mode == Mode::Development
        && configuration.sandbox.enabled
        && subgraphs_here > 0
        && !configuration.providers.without_url().is_empty()
}

/// The path of each provider's webhooks under the public URL.
const WEBHOOKS: [(Provider, &str); 6] = [
    (Provider::Stripe, "webhooks/stripe"),
    (Provider::Easypost, "webhooks/easypost"),
    // USPS parcels are tracked through EasyPost.
    (Provider::Easypost, "webhooks/tracking/usps"),
    (Provider::Dhl, "webhooks/tracking/dhl"),
    (Provider::Fedex, "webhooks/tracking/fedex"),
    (Provider::Ups, "webhooks/tracking/ups"),
];

/// Serves the providers that have no URL and points the configuration at them. Returns the names of the simulated ones.
pub(crate) async fn start_in_process(
    configuration: &mut Configuration,
    clock: &Clock,
    supervisor: &Supervisor,
) -> anyhow::Result<(SandboxServer, Vec<&'static str>)> {
    let simulated = configuration.providers.without_url();
    let started = start(
        &configuration.sandbox,
        clock,
        "--sandbox-listen",
        supervisor,
    )
    .await?;
    let secret = keys::sandbox_webhooks(configuration)?;
    let has_warehouse = configuration.providers.fulfilment.webhook_secret.is_none();
    let url = Url::parse(&format!("http://{}", started.address))?;
    let mail = Url::parse(&format!("smtp://{}", started.mail_address))?;
    configuration.providers.simulate(&url, &mail, &secret);
    let here = configuration.public_url()?;
    for (provider, path) in WEBHOOKS {
        if simulated.contains(&provider.as_str()) {
            let to = here.join(path)?;
            started
                .sandbox
                .send_webhooks(provider, to.as_str(), secret.expose(), &["*"]);
        }
    }
    if has_warehouse {
        let to = here.join("webhooks/fulfilment")?;
        let events = ["*"];
        started
            .sandbox
            .send_webhooks(Provider::Fulfilment, to.as_str(), secret.expose(), &events);
    }
    Ok((started, simulated))
}

impl SandboxServer {
    /// Lets the warehouse send the orders of this shop, if it runs in this process. A warehouse of others is not fed:
    /// without our secret, its webhooks would be refused.
    pub(crate) fn start_warehouse(&self, domains: &Domains, supervisor: &Supervisor) {
        let Ok(orders) = domains.database(Domain::Orders) else {
            return;
        };
        let (sandbox, orders) = (self.sandbox.clone(), orders.for_workers());
        supervisor.start(Stage::Support, "sandbox.warehouse", move |stop| {
            let feeding = warehouse::feed(sandbox.clone(), orders.clone());
            stop.run_until_cancelled_owned(feeding).map(drop)
        });
    }

    /// Loads the payments and parcels that these domains already have.
    pub(crate) async fn load_shop(&self, domains: &Domains) -> anyhow::Result<()> {
        if let Ok(orders) = domains.database(Domain::Orders) {
            let paid = order::newest_provider_payments(orders.read(), MAX_LOADED).await?;
            let returns = domains.database(Domain::Returns).ok();
            let ids: Vec<_> = paid.iter().map(|paid| paid.order_id).collect();
            let (mut payments, mut refunded) = (HashMap::new(), HashMap::new());
            for ids in ids.chunks(1_000) {
                payments.extend(order_payment::of_orders(orders.read(), ids).await?);
                if let Some(returns) = &returns {
                    refunded.extend(customer_return::refunded_by_order(returns.read(), ids).await?);
                }
            }
            self.sandbox.load_payments(paid.into_iter().map(|paid| {
                let refunded = refunded.get(&paid.order_id).copied().unwrap_or_default();
                let captured = payments.get(&paid.order_id).and_then(captured_so_far);
                payment(paid, refunded, captured)
            }));
        }
        if let Ok(tracking) = domains.database(Domain::Tracking) {
            let under_way = shipment::outward_least_recently_polled(
                tracking.read(),
                &IN_TRANSIT,
                false,
                MAX_LOADED,
            )
            .await?;
            let registered = under_way.iter().filter(|row| row.registered_at.is_some());
            let ids: Vec<_> = registered.map(|row| row.order_id).collect();
            let orders = match domains.database(Domain::Orders) {
                Ok(orders) if !ids.is_empty() => order::by_ids(orders.read(), &ids).await?,
                _ => HashMap::new(),
            };
            self.sandbox
                .load_parcels(under_way.into_iter().filter_map(|row| {
                    let order = orders.get(&row.order_id);
                    let order = order.filter(|_| row.registered_at.is_some());
                    parcel(row, order.map(|order| &order.shipping_address))
                }));
        }
        Ok(())
    }
}

/// What was captured of a payment that is still authorized.
fn captured_so_far(payment: &order_payment::Model) -> Option<i64> {
    let is_authorized = matches!(
        payment.state,
        PaymentState::Authorized | PaymentState::CaptureRequested
    );
    is_authorized.then(|| payment.captured_amount.unwrap_or(0))
}

fn payment(paid: order::ProviderPayment, refunded: i64, captured: Option<i64>) -> ExistingPayment {
    ExistingPayment {
        order: Some(IdKind::Order.format(paid.order_id)),
        captured,
        id: paid.payment_intent_id,
        amount: paid.amount,
        currency: paid.currency_code,
        refunded,
    }
}

/// With an address, the parcel continues to it.
fn parcel(shipment: shipment::Model, to: Option<&order::Address>) -> Option<ExistingParcel> {
    Some(ExistingParcel {
        carrier: parse_variant::<Carrier>(shipment.carrier.as_str())?,
        status: parse_variant::<Status>(&shipment.status.as_str().to_uppercase())?,
        number: shipment.tracking_number,
        location: shipment.location.unwrap_or_default(),
        at: shipment.last_update.unwrap_or(shipment.created_at),
        estimated_delivery: shipment.estimated_delivery,
        destination: to.map(|to| match &to.region {
            Some(region) => format!("{} {region}", to.city),
            None => to.city.clone(),
        }),
    })
}

/// The variant with this serialized name.
fn parse_variant<'a, T: Deserialize<'a>>(name: &'a str) -> Option<T> {
    T::deserialize(IntoDeserializer::<Error>::into_deserializer(name)).ok()
}
