//! The sandbox as its hosts use it: an axum application, and tasks that advance its world and send its webhooks.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use futures::FutureExt;
use parking_lot::{Mutex, MutexGuard};
use platform::clock::Clock;
use platform::supervisor::{Stage, Supervisor};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};

use crate::calls::Calls;
use crate::config::Config;
use crate::faults::Faults;
use crate::parcels::ExistingParcel;
use crate::provider::Provider;
use crate::stripe::{ExistingPayment, Idempotency};
use crate::warehouse::WaitingOrder;
use crate::webhooks::{self, Deliveries, Endpoint, Webhook};
use crate::world::World;
use crate::{carriers, control, easypost, exchange_rates, fcm, middleware, smtp, stripe, twilio};

/// All simulators together. Clones share one world.
#[derive(Clone, Debug)]
pub struct Sandbox(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    world: Mutex<World>,
    clock: Clock,
    calls: Mutex<Calls>,
    faults: Mutex<Faults>,
    idempotency: Idempotency,
    deliveries: Deliveries,
    notices: mpsc::UnboundedSender<Webhook>,
    /// Held by the sending task, and available to the next one after a restart.
    outgoing: tokio::sync::Mutex<mpsc::UnboundedReceiver<Webhook>>,
    /// Notified when something may be due earlier than expected.
    wake: Notify,
}

impl Sandbox {
    /// An empty world. The clock is its only source of time.
    pub fn new(config: Config, clock: Clock) -> Self {
        let (notices, outgoing) = mpsc::unbounded_channel();
        Self(Arc::new(Inner {
            calls: Mutex::default(),
            faults: Mutex::new(Faults::new(config.seed)),
            idempotency: Idempotency::default(),
            deliveries: Deliveries::default(),
            notices,
            outgoing: tokio::sync::Mutex::new(outgoing),
            wake: Notify::new(),
            world: Mutex::new(World::new(config, clock.now())),
            clock,
        }))
    }

    /// The HTTP application: every provider's paths, `/labels/…` and `/_control/…`.
    pub fn app(&self) -> Router {
        Router::new()
            .merge(easypost::routes())
            .merge(stripe::routes())
            .merge(carriers::routes())
            .merge(exchange_rates::routes())
            .merge(fcm::routes())
            .merge(twilio::routes())
            .fallback(middleware::no_such_path)
            .layer(from_fn_with_state(self.clone(), middleware::handle_call))
            .merge(control::routes())
            .merge(smtp::routes())
            .layer(DefaultBodyLimit::max(middleware::MAX_BODY_BYTES))
            .with_state(self.clone())
    }

    /// Serves, advances the world and sends webhooks, in supervised tasks.
    pub fn start(&self, listener: TcpListener, supervisor: &Supervisor) -> std::io::Result<()> {
        // The listener outlives the serving task, so that its port stays reserved.
        let listener = listener.into_std()?;
        let sandbox = self.clone();
        supervisor.start(Stage::Support, "sandbox.http", move |stop| {
            let (sandbox, listener) = (sandbox.clone(), listener.try_clone());
            let serving = async move {
                if let Err(error) = sandbox.serve(listener).await {
                    tracing::error!(%error, "the sandbox cannot listen");
                }
            };
            stop.run_until_cancelled_owned(serving).map(drop)
        });
        let sandbox = self.clone();
        supervisor.start(Stage::Support, "sandbox.world", move |stop| {
            let sandbox = sandbox.clone();
            stop.run_until_cancelled_owned(async move { sandbox.advance_world().await })
                .map(drop)
        });
        let sandbox = self.clone();
        supervisor.start(Stage::Support, "sandbox.webhooks", move |stop| {
            let sandbox = sandbox.clone();
            stop.run_until_cancelled_owned(async move {
                webhooks::send(&sandbox, &mut *sandbox.0.outgoing.lock().await).await;
            })
            .map(drop)
        });
        Ok(())
    }

    /// Serves the mail server, in a supervised task.
    pub fn start_mail_server(
        &self,
        listener: TcpListener,
        supervisor: &Supervisor,
    ) -> std::io::Result<()> {
        let listener = listener.into_std()?;
        let sandbox = self.clone();
        supervisor.start(Stage::Support, "sandbox.smtp", move |stop| {
            let (sandbox, listener) = (sandbox.clone(), listener.try_clone());
            let serving = async move {
                let served = match listener.and_then(TcpListener::from_std) {
                    Ok(listener) => smtp::serve(sandbox, listener).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = served {
                    tracing::error!(%error, "the sandbox's mail server cannot listen");
                }
            };
            stop.run_until_cancelled_owned(serving).map(drop)
        });
        Ok(())
    }

    async fn serve(&self, listener: std::io::Result<std::net::TcpListener>) -> std::io::Result<()> {
        let app = self
            .app()
            .into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(TcpListener::from_std(listener?)?, app).await
    }

    async fn advance_world(&self) {
        loop {
            let due = self.world(|world| world.next_due());
            let wait = due.map(|due| (due - self.0.clock.now()).to_std().unwrap_or_default());
            tokio::select! {
                () = self.0.wake.notified() => {}
                () = async {
                    match wait {
                        // A manual clock notifies nobody, so check again regularly.
                        Some(wait) => tokio::time::sleep(wait.clamp(MIN_WAIT, MAX_WAIT)).await,
                        None => std::future::pending().await,
                    }
                } => {}
            }
        }
    }

    /// Sends this provider's webhooks to this URL, signed with this secret. `events` are names, or `*` for all.
    pub fn send_webhooks(&self, provider: Provider, url: &str, secret: &str, events: &[&str]) {
        self.world(|world| {
            let id = world.ids.mixed("we");
            world.endpoints.add(Endpoint {
                id,
                provider,
                url: url.to_owned(),
                secret: secret.to_owned(),
                events: events.iter().map(|event| (*event).to_owned()).collect(),
            });
        });
    }

    /// Loads parcels that were handed over before this sandbox was started.
    pub fn load_parcels(&self, parcels: impl IntoIterator<Item = ExistingParcel>) {
        self.world(|world| {
            for parcel in parcels {
                world.load_parcel(parcel);
            }
        });
    }

    /// Tells the warehouse all paid orders that have no parcel yet.
    pub fn set_waiting_orders(&self, orders: Vec<WaitingOrder>) {
        self.world(|world| world.set_waiting_orders(orders));
    }

    /// How long an hour of a parcel's journey takes.
    pub fn pace(&self) -> std::time::Duration {
        self.world(|world| world.config.pace.get())
    }

    /// Loads payments that were captured before this sandbox was started.
    pub fn load_payments(&self, payments: impl IntoIterator<Item = ExistingPayment>) {
        self.world(|world| {
            for payment in payments {
                world.load_payment(payment);
            }
        });
    }

    /// Acts on the current world, and sends the resulting webhooks.
    pub(crate) fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.0.world.lock();
        let before = world.next_due();
        world.advance(self.0.clock.now());
        let done = act(&mut world);
        for notice in world.drain_webhooks() {
            // Fails only when the sending task has ended, with the whole sandbox.
            self.0.notices.send(notice).ok();
        }
        if world.next_due() != before {
            self.0.wake.notify_one();
        }
        done
    }

    /// Resets everything except webhook endpoints.
    pub(crate) fn reset(&self) {
        self.0.calls.lock().clear();
        self.0.faults.lock().clear();
        self.0.idempotency.clear();
        self.0.deliveries.clear();
        self.world(|world| {
            let mut fresh = World::new(world.config.clone(), world.now);
            fresh.endpoints = std::mem::take(&mut world.endpoints);
            *world = fresh;
        });
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.calls.lock()
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.0.faults.lock()
    }

    pub(crate) fn idempotency(&self) -> &Idempotency {
        &self.0.idempotency
    }

    pub(crate) fn deliveries(&self) -> &Deliveries {
        &self.0.deliveries
    }
}

const MIN_WAIT: std::time::Duration = std::time::Duration::from_millis(5);
const MAX_WAIT: std::time::Duration = std::time::Duration::from_secs(1);
