//! The six domains: their databases, subgraphs and dependencies. The only place that knows them all.

mod build;
mod privacy;
mod read_only;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use anyhow::Context;
use entities::orders::customer;
use futures::FutureExt;
use notifications::Partners;
use platform::caller::CallerKey;
use platform::clock::Clock;
use platform::database::{Database, DatabaseConfig};
use platform::event_type::EventType;
use platform::flags::Flags;
use platform::inbox::{ConsumerGroup, Subscriber};
use platform::invariants::{self, Inspection};
use platform::supervisor::{Stage, Supervisor};
use platform::workers::{Job, WorkerContext};
use resolvers::client::SubgraphClient;
use resolvers::id::IdKind;
use resolvers::subgraph::Subgraph;
use sea_orm::DbErr;
use search::IndexWorker;

use crate::config::{self, Configuration};
use crate::data_directory::{DataDirectory, Missing};
use crate::demo;
use crate::lifecycle::Ready;
use crate::partners;

pub(crate) use build::{access, pricing_state};
pub(crate) use read_only::open_read_only;

/// A domain, which is also the name of its subgraph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub(crate) enum Domain {
    Orders,
    Returns,
    Pricing,
    Notifications,
    Search,
    Tracking,
}

impl Domain {
    /// Dependencies come before the domains that query them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Pricing,
        Self::Search,
        Self::Orders,
        Self::Returns,
        Self::Notifications,
        Self::Tracking,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Orders => orders::NAME,
            Self::Returns => returns::NAME,
            Self::Pricing => pricing::NAME,
            Self::Notifications => notifications::NAME,
            Self::Search => search::NAME,
            Self::Tracking => tracking::NAME,
        }
    }

    /// This version's SDL, for a subgraph that runs elsewhere.
    pub(crate) const fn sdl(self) -> &'static str {
        match self {
            Self::Orders => include_str!("../../schema/orders.graphql"),
            Self::Returns => include_str!("../../schema/returns.graphql"),
            Self::Pricing => include_str!("../../schema/pricing.graphql"),
            Self::Notifications => include_str!("../../schema/notifications.graphql"),
            Self::Search => include_str!("../../schema/search.graphql"),
            Self::Tracking => include_str!("../../schema/tracking.graphql"),
        }
    }

    /// The domain's consumers of other domains' events.
    pub(crate) const fn consumers(self) -> &'static [ConsumerGroup] {
        match self {
            Self::Notifications => notifications::workers::CONSUMERS,
            Self::Orders => orders::workers::CONSUMERS,
            Self::Returns => returns::workers::CONSUMERS,
            Self::Pricing => pricing::workers::CONSUMERS,
            Self::Search => search::workers::CONSUMERS,
            Self::Tracking => tracking::workers::CONSUMERS,
        }
    }

    /// The types of the events the domain publishes.
    pub(crate) const fn event_types(self) -> &'static [EventType] {
        match self {
            Self::Notifications => notifications::events::TYPES,
            Self::Orders => orders::events::TYPES,
            Self::Returns => returns::events::TYPES,
            Self::Pricing => pricing::events::TYPES,
            Self::Search => search::events::TYPES,
            Self::Tracking => tracking::events::TYPES,
        }
    }

    /// The names of the migrations of its database.
    pub(crate) fn migrations(self) -> Vec<String> {
        match self {
            Self::Orders => migrations::names::<orders::Migrator>(),
            Self::Returns => migrations::names::<returns::Migrator>(),
            Self::Pricing => migrations::names::<pricing::Migrator>(),
            Self::Notifications => migrations::names::<notifications::Migrator>(),
            Self::Search => migrations::names::<search::Migrator>(),
            Self::Tracking => migrations::names::<tracking::Migrator>(),
        }
    }

    /// Checks the invariants of its database.
    pub(crate) async fn check(self, inspection: &mut Inspection<'_>) -> Result<(), DbErr> {
        match self {
            Self::Orders => orders::invariants::check(inspection).await,
            Self::Returns => returns::invariants::check(inspection).await,
            Self::Pricing | Self::Notifications | Self::Search | Self::Tracking => {
                invariants::check(inspection).await
            }
        }
    }

    async fn migrate(self, database: &Database) -> Result<usize, migrations::MigrateError> {
        let connection = database.connect_for_migrations().await?;
        let migrated = match self {
            Self::Orders => migrations::migrate::<orders::Migrator>(&connection).await,
            Self::Returns => migrations::migrate::<returns::Migrator>(&connection).await,
            Self::Pricing => migrations::migrate::<pricing::Migrator>(&connection).await,
            Self::Notifications => {
                migrations::migrate::<notifications::Migrator>(&connection).await
            }
            Self::Search => migrations::migrate::<search::Migrator>(&connection).await,
            Self::Tracking => migrations::migrate::<tracking::Migrator>(&connection).await,
        }?;
        connection.close().await?;
        if let Some(migration) = migrated.newer {
            let domain = self.name();
            tracing::info!(
                domain,
                migration,
                "running on the schema of a newer version"
            );
        }
        Ok(migrated.steps)
    }
}

/// Opens and migrates a domain's database, and returns how many migrations were applied.
pub(crate) async fn open_database(
    configuration: &Configuration,
    domain: Domain,
    missing: Missing<'_>,
) -> anyhow::Result<(Database, usize)> {
    let directory = DataDirectory::of_databases(configuration);
    if let Some(directory) = &directory {
        directory.check(domain, missing).await?;
    }
    let config = database_config(configuration);
    let database = Database::open(&config, domain.name()).await?;
    let steps = domain.migrate(&database).await.with_context(|| {
        format!(
            "the {} database {} is not usable",
            domain.name(),
            database.location()
        )
    })?;
    if let Some(directory) = &directory {
        directory.created(domain)?;
    }
    Ok((database, steps))
}

/// Where the databases are.
pub(crate) fn database_config(configuration: &Configuration) -> DatabaseConfig {
    match &configuration.database_url {
        Some(url) => DatabaseConfig::Postgres {
            url: url.expose().to_owned(),
            max_connections: configuration.database.max_connections.get(),
            acquire_timeout: configuration.database.acquire_timeout.get(),
        },
        None => DatabaseConfig::Sqlite {
            directory: configuration.data.clone(),
            synchronous: configuration.database.sqlite.synchronous,
        },
    }
}

/// A domain running in this process.
#[derive(Debug)]
struct Local {
    database: Database,
    subgraph: Subgraph,
    work: Work,
}

/// A domain's work besides GraphQL.
pub(crate) struct Work {
    /// HTTP routes: webhooks and files.
    pub(crate) routes: axum::Router,
    /// Subscribers to other domains' events.
    pub(crate) subscribers: Vec<Subscriber>,
    /// Background jobs, until their context ends.
    pub(crate) jobs: Jobs,
}

pub(crate) type Jobs = Box<dyn Fn(&WorkerContext) -> Vec<Job> + Send + Sync>;

impl Default for Work {
    fn default() -> Self {
        Self {
            routes: axum::Router::new(),
            subscribers: Vec::new(),
            jobs: Box::new(|_| Vec::new()),
        }
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work")
            .field("subscribers", &self.subscribers)
            .finish_non_exhaustive()
    }
}

/// The domains running in this process.
#[derive(Clone, Debug)]
pub(crate) struct Domains {
    flags: Flags,
    partners: Partners,
    here: BTreeMap<Domain, Arc<Local>>,
    tracking: Option<tracking::State>,
    search: Option<search::State>,
}

/// Somebody to sign in as.
pub(crate) struct DemoCustomer {
    /// As tokens name it.
    pub(crate) id: String,
    pub(crate) name: String,
}

impl Domains {
    /// Opens these domains' databases and builds their subgraphs.
    pub(crate) async fn open(
        configuration: &Configuration,
        domains: &[Domain],
        missing: Missing<'_>,
        key: &CallerKey,
        clock: &Clock,
        supervisor: &Supervisor,
    ) -> anyhow::Result<Self> {
        let databases = futures::future::try_join_all(domains.iter().map(|&domain| async move {
            let (database, _) = open_database(configuration, domain, missing).await?;
            anyhow::Ok((domain, database))
        }))
        .await?;
        let mut opened = Self {
            flags: build::flags(configuration, supervisor).await?,
            partners: if domains.contains(&Domain::Notifications) {
                partners::load(configuration, supervisor).await?
            } else {
                Partners::default()
            },
            here: BTreeMap::new(),
            tracking: None,
            search: None,
        };
        let databases: BTreeMap<_, _> = databases.into_iter().collect();
        // In the order of `ALL`, so that dependencies are built first.
        for domain in Domain::ALL {
            if let Some(database) = databases.get(&domain) {
                let here = opened.build(
                    configuration,
                    domain,
                    database.clone(),
                    key,
                    clock,
                    supervisor,
                )?;
                opened.here.insert(domain, Arc::new(here));
            }
        }
        Ok(opened)
    }

    /// Clients for all domains, wherever they run: in this process, or at their URL.
    pub(crate) fn clients(
        &self,
        configuration: &Configuration,
        key: &CallerKey,
    ) -> anyhow::Result<HashMap<Domain, SubgraphClient>> {
        let client = |domain| {
            let client = self.client(configuration, domain, key, &Clock::system())?;
            Ok((domain, client))
        };
        Domain::ALL.into_iter().map(client).collect()
    }

    fn client(
        &self,
        configuration: &Configuration,
        asked: Domain,
        key: &CallerKey,
        clock: &Clock,
    ) -> anyhow::Result<SubgraphClient> {
        if let Some(here) = self.here.get(&asked) {
            return Ok(SubgraphClient::local(here.subgraph.clone()));
        }
        let url = configuration.subgraphs.required_url(asked.name())?;
        Ok(SubgraphClient::http(
            asked.name(),
            url.as_str(),
            configuration.subgraphs.call_timeout.get(),
            key.clone(),
            clock.clone(),
        )?)
    }

    /// The search domain's state, if it runs in this process.
    pub(crate) fn search(&self) -> Option<&search::State> {
        self.search.as_ref()
    }

    /// The subgraph, if it runs in this process.
    pub(crate) fn subgraph(&self, domain: Domain) -> Option<&Subgraph> {
        self.here.get(&domain).map(|here| &here.subgraph)
    }

    /// Prepares what subgraphs keep outside their databases: the search index. Without one, searches fail until it can be
    /// built, and everything else works.
    pub(crate) async fn start(&self, supervisor: &Supervisor) {
        let Some(search) = &self.search else { return };
        IndexWorker::new(search.clone(), supervisor.clone())
            .open()
            .await;
        // The statements of workers are counted apart.
        let search = search::State {
            database: search.database.for_workers(),
            ..search.clone()
        };
        let search::State {
            ranker,
            database,
            clock,
            ..
        } = search.clone();
        let popularity = ranker.popularity;
        popularity.refresh_or_warn(&database, &clock).await;
        supervisor.start(Stage::Work, "search.popularity", move |stop| {
            let following = popularity.clone().follow(database.clone(), clock.clone());
            stop.run_until_cancelled_owned(following).map(drop)
        });
        let reporter = supervisor.clone();
        supervisor.start(Stage::Work, "search.index", move |stop| {
            let index = IndexWorker::new(search.clone(), reporter.clone());
            stop.run_until_cancelled_owned(index.run()).map(drop)
        });
    }

    /// Seeds the demo shop if all databases are in this process and empty.
    pub(crate) async fn seed_when_empty(
        &self,
        configuration: &Configuration,
        clock: &Clock,
    ) -> anyhow::Result<()> {
        let databases = demo::Databases::new(|domain| self.database(domain))?;
        let plan = demo::Plan::new(&configuration.demo, clock);
        tracing::info!(
            orders = plan.orders,
            "seeding the demo shop unless the databases contain one"
        );
        demo::seed(&databases, &plan, &demo::Progress::hidden()).await?;
        Ok(())
    }

    /// Demo customers to sign in as, if they exist in this process's orders; the demo customer comes first.
    pub(crate) async fn demo_customers(&self) -> anyhow::Result<Vec<DemoCustomer>> {
        let mut found = Vec::new();
        if let Some(orders) = self.here.get(&Domain::Orders) {
            for email in demo::SIGN_IN_EMAILS {
                if let Some(customer) = customer::by_email(orders.database.read(), email).await? {
                    found.push(DemoCustomer {
                        id: IdKind::Customer.format(customer.id),
                        name: customer.name,
                    });
                }
            }
        }
        Ok(found)
    }

    /// Keeps the demo's parcels moving, if tracking is in this process.
    pub(crate) fn start_live_demo(&self, demo: &config::Demo, supervisor: &Supervisor) {
        if let Some(tracking) = self.tracking.clone() {
            let plan = demo::Plan::new(demo, &tracking.clock);
            let every = demo.ticker_interval.get();
            supervisor.start(Stage::Work, "demo.ticker", move |stop| {
                demo::run(tracking.clone(), plan, every, stop)
            });
        }
    }

    /// The non-GraphQL work of the domains in this process, with their databases.
    pub(crate) fn work(&self) -> impl Iterator<Item = (&Database, &Work)> {
        self.here.values().map(|here| (&here.database, &here.work))
    }

    /// How many domains are in this process.
    pub(crate) fn len(&self) -> usize {
        self.here.len()
    }

    /// Their HTTP routes besides GraphQL.
    pub(crate) fn routes(&self) -> axum::Router {
        self.here
            .values()
            .fold(axum::Router::new(), |routes, here| {
                routes.merge(here.work.routes.clone())
            })
    }

    /// A domain's database, if the domain runs in this process.
    pub(crate) fn database(&self, domain: Domain) -> anyhow::Result<Database> {
        self.here
            .get(&domain)
            .map(|here| here.database.clone())
            .with_context(|| format!("the {} database is not in this process", domain.name()))
    }
}

impl Ready for Domains {
    /// Checks that every database in this process can be read and written.
    async fn ready(&self) -> Result<(), String> {
        let databases = self.here.iter().map(|(domain, here)| async {
            let failed = here.database.ready().await.is_err();
            failed.then(|| domain.name())
        });
        let failed = futures::future::join_all(databases).await;
        readiness(&failed.into_iter().flatten().collect::<Vec<_>>())
    }
}

/// Names every database that failed.
fn readiness(failed: &[&str]) -> Result<(), String> {
    match failed {
        [] => Ok(()),
        [one] => Err(format!("the {one} database cannot be read or written to")),
        all => Err(format!(
            "the databases of {} cannot be read or written to",
            all.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_names_every_database_that_failed() {
        assert_eq!(readiness(&[]), Ok(()));
        for (failed, named) in [
            (&["orders"][..], "the orders database cannot"),
            (
                &["orders", "tracking"],
                "the databases of orders, tracking cannot",
            ),
        ] {
            let message = readiness(failed).unwrap_err();
            assert!(message.starts_with(named), "{message}");
        }
    }
}
