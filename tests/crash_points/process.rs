//! A process: both domains with all their background work, driven step by step, so that its effects have the same order in
//! each run.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use platform::bus::{BusError, Consumer, Event, EventBus, InProcessBus, LogState, Receipt};
use platform::caller::Caller;
use platform::clock::Clock;
use platform::config::Secret;
use platform::database::Database;
use platform::flags::Flags;
use platform::inbox::{Deliverer, Receiver, Subscriber};
use platform::log_once::LogOnce;
use platform::objects::{LocalObjects, ObjectLinks};
use platform::outbox::Publisher;
use platform::providers::easypost::Easypost;
use platform::providers::stripe::Stripe;
use platform::pubsub::InProcess;
use platform::tasks::Runner;
use platform::testing::effects::{Effects, Fault, Kind};
use platform::workers::WorkerContext;
use resolvers::client::SubgraphClient;
use resolvers::subgraph::Subgraph;
use resolvers::testing::execute_as;
use returns::LabelRules;
use sea_orm::DbErr;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::fake_subgraphs;
use crate::third_parties::{EASYPOST_KEY, STRIPE_KEY};
use crate::world::World;

/// Signs EasyPost's webhooks.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_easypost";

/// How often somebody asks again who got no answer. A run has one fault.
const ATTEMPTS: usize = 3;
/// More rounds than any journey needs.
const ROUNDS: usize = 100;

pub(crate) struct Process {
    pub(crate) orders: Subgraph,
    pub(crate) returns: Subgraph,
    pub(crate) orders_state: orders::State,
    pub(crate) returns_state: returns::State,
    pub(crate) clock: Clock,
    pub(crate) bus: Arc<CountedBus>,
    publishers: Vec<Publisher>,
    deliverers: Vec<Deliverer>,
    runners: Vec<Runner>,
}

impl Process {
    /// Starts on what there is. Everything that it does counts among these effects.
    pub(crate) async fn start(world: &World, effects: &Effects) -> Self {
        world.third_parties.serve(effects);
        let bus = Arc::new(CountedBus {
            bus: InProcessBus::new(),
            effects: effects.clone(),
        });
        let clock = world.clock.clone();
        let orders_state = orders_state(world, open(&world.orders.database, effects).await);
        let orders = orders::subgraph(orders_state.clone());
        let database = open(&world.returns.database, effects).await;
        let returns_state = returns_state(world, database, &orders);
        let context = |database: &Database| {
            let stop = CancellationToken::new();
            WorkerContext::new(database, bus.clone(), clock.clone(), stop)
        };
        let (of_orders, of_returns) = (
            context(&orders_state.database),
            context(&returns_state.database),
        );
        let runners = vec![
            orders::workers::runner(&orders_state, &of_orders).unwrap(),
            returns::workers::runner(&returns_state, of_returns.clone()),
        ];
        let mut deliverers = consume(&of_orders, orders::workers::subscribers(&orders_state));
        deliverers.extend(consume(
            &of_returns,
            returns::workers::subscribers(&returns_state),
        ));
        Self {
            orders,
            returns: returns::subgraph(returns_state.clone()),
            orders_state,
            returns_state,
            clock: clock.clone(),
            publishers: vec![
                Publisher::new(of_orders, orders::workers::CONSUMERS),
                Publisher::new(of_returns, returns::workers::CONSUMERS),
            ],
            deliverers,
            runners,
            bus,
        }
    }

    /// Works until nothing is due.
    pub(crate) async fn work(&self) {
        for _ in 0..ROUNDS {
            let mut is_idle = true;
            for runner in &self.runners {
                is_idle &= runner.run_due().await.is_ok();
            }
            for publisher in &self.publishers {
                while has_worked(publisher.publish_next().await) {
                    is_idle = false;
                }
            }
            for deliverer in &self.deliverers {
                while has_worked(deliverer.deliver_next().await) {
                    is_idle = false;
                }
            }
            if is_idle {
                return;
            }
        }
        panic!("there is always something due");
    }

    /// Works until nothing is left that waits for its next attempt, or for the claim of a process that died.
    pub(crate) async fn settle(&self) {
        for _ in 0..3 {
            self.clock.advance(TimeDelta::minutes(5));
            self.work().await;
        }
    }

    /// Asks until there is an answer, and returns its data.
    pub(crate) async fn ask(
        &self,
        graph: &Subgraph,
        caller: &Caller,
        document: &str,
        variables: &Value,
    ) -> Value {
        let mut last = Value::Null;
        for _ in 0..ATTEMPTS {
            last = execute_as(graph, caller.clone(), document, variables.clone()).await;
            if last.get("errors").is_none_or(Value::is_null) {
                return last["data"].take();
            }
        }
        panic!("no answer: {last:#}");
    }
}

/// A failed step is tried again.
fn has_worked(step: Result<bool, DbErr>) -> bool {
    step.unwrap_or(true)
}

async fn open(database: &Database, effects: &Effects) -> Database {
    let opened = database.reopen().await.unwrap();
    opened.faults().count_in(effects);
    opened
}

fn consume(context: &WorkerContext, subscribers: Vec<Subscriber>) -> Vec<Deliverer> {
    let deliverer = |subscriber: Subscriber| {
        let receiver = Receiver::join(context.clone(), &subscriber).unwrap();
        tokio::spawn(receiver.run());
        Deliverer::new(context.clone(), subscriber)
    };
    subscribers.into_iter().map(deliverer).collect()
}

fn stripe(world: &World) -> Stripe {
    let key = Secret::new(STRIPE_KEY);
    Stripe::new(world.third_parties.url.clone(), key, world.clock.clone()).unwrap()
}

fn orders_state(world: &World, database: Database) -> orders::State {
    orders::State {
        database,
        clock: world.clock.clone(),
        stripe: Some(stripe(world)),
        capture_method: world.capture,
        search: Some(fake_subgraphs::search()),
        pricing: Some(fake_subgraphs::pricing()),
        checkout_rates: Arc::default(),
        stripe_webhook_secret: None,
        fulfilment_webhook_secrets: Vec::new(),
        pubsub: Arc::new(InProcess::new()),
    }
}

fn returns_state(world: &World, database: Database, orders: &Subgraph) -> returns::State {
    let (url, clock) = (world.third_parties.url.clone(), world.clock.clone());
    let easypost = Easypost::new(url, Secret::new(EASYPOST_KEY), clock.clone(), None);
    let objects = Arc::new(LocalObjects::new(world.files(), clock.clone()));
    let base = "http://shop.test/objects".parse().unwrap();
    returns::State {
        database,
        clock: clock.clone(),
        orders: SubgraphClient::local(orders.clone()),
        search: None,
        label_rules: Arc::new(LabelRules {
            phone: "+15025550100".to_owned(),
            international_services: Vec::new(),
            international_limit: 15_000,
        }),
        stripe: Some(stripe(world)),
        easypost: Some(easypost.unwrap()),
        easypost_webhook_secret: Some(Secret::new(WEBHOOK_SECRET)),
        unknown_statuses: LogOnce::default(),
        labels: ObjectLinks::new(objects, base, Secret::new("secret"), clock).unwrap(),
        flags: Flags::defaults(),
        pubsub: Arc::new(InProcess::new()),
    }
}

/// The bus of one process, whose publications are effects.
#[derive(Debug)]
pub(crate) struct CountedBus {
    bus: InProcessBus,
    effects: Effects,
}

#[async_trait]
impl EventBus for CountedBus {
    async fn publish(&self, events: &[Arc<Event>]) -> Vec<Result<Receipt, BusError>> {
        let fault = self.effects.next(Kind::Publish).await;
        let published = self.bus.publish(events).await;
        match fault {
            Some(Fault::Twice) => self.bus.publish(events).await,
            Some(Fault::Lost) => events
                .iter()
                .map(|_| Err(BusError::Unavailable("the answer was lost".into())))
                .collect(),
            _ => published,
        }
    }

    async fn logs(&self, topic: &str, groups: &[&str]) -> Result<Option<Vec<LogState>>, BusError> {
        self.bus.logs(topic, groups).await
    }

    fn subscribe(&self, topics: &[&str], group: &str) -> Result<Box<dyn Consumer>, BusError> {
        self.bus.subscribe(topics, group)
    }

    fn is_shared(&self) -> bool {
        self.bus.is_shared()
    }
}
