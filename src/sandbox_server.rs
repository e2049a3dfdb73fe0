//! Starts the sandbox, and loads it with what third parties would know about an existing shop.

use std::collections::HashMap;
use std::net::SocketAddr;

use anyhow::Context;
use entities::orders::order;
use entities::returns::customer_return;
use entities::tracking::shipment::{self, TrackingStatus};
use platform::clock::Clock;
use platform::supervisor::Supervisor;
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
    Ok((started, simulated))
}

impl SandboxServer {
    /// Loads the payments and parcels that these domains already have.
    pub(crate) async fn load_shop(&self, domains: &Domains) -> anyhow::Result<()> {
        if let Ok(orders) = domains.database(Domain::Orders) {
            let paid = order::newest_with_payment(orders.read(), MAX_LOADED).await?;
            let refunded = match domains.database(Domain::Returns) {
                Ok(returns) => customer_return::refunded_by_order(returns.read()).await?,
                Err(_) => HashMap::new(),
            };
            self.sandbox
                .load_payments(paid.into_iter().filter_map(|order| {
                    let refunded = refunded.get(&order.id).copied().unwrap_or_default();
                    payment(order, refunded)
                }));
        }
        if let Ok(tracking) = domains.database(Domain::Tracking) {
            let under_way =
                shipment::outward_least_recently_polled(tracking.read(), &IN_TRANSIT, MAX_LOADED)
                    .await?;
            self.sandbox
                .load_parcels(under_way.into_iter().filter_map(parcel));
        }
        Ok(())
    }
}

fn payment(order: order::Model, refunded: i64) -> Option<ExistingPayment> {
    Some(ExistingPayment {
        id: order.payment_intent_id?,
        amount: order.local_currency_amount,
        currency: order.local_currency_code,
        refunded,
    })
}

fn parcel(shipment: shipment::Model) -> Option<ExistingParcel> {
    Some(ExistingParcel {
        carrier: parse_variant::<Carrier>(shipment.carrier.as_str())?,
        status: parse_variant::<Status>(&shipment.status.as_str().to_uppercase())?,
        number: shipment.tracking_number,
        location: shipment.location.unwrap_or_default(),
        at: shipment.last_update.unwrap_or(shipment.created_at),
        estimated_delivery: shipment.estimated_delivery,
    })
}

/// The variant with this serialized name.
fn parse_variant<'a, T: Deserialize<'a>>(name: &'a str) -> Option<T> {
    T::deserialize(IntoDeserializer::<Error>::into_deserializer(name)).ok()
}
