//! The six domains: their databases, their subgraphs, and who asks whom. The only place that knows
//! them all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use entities::orders::customer;
use platform::caller::CallerKey;
use platform::clock::Clock;
use platform::database::{Database, DatabaseConfig};
use platform::flags::{EvaluationContext, FlagFile, Flags, REGION};
use platform::pubsub::{InProcess, PubSub, RedisPubSub};
use pricing::{Countries, GeoDatabase};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use resolvers::client::SubgraphClient;
use resolvers::id::IdKind;
use resolvers::subgraph::Subgraph;
use sea_orm::ConnectionTrait;
use tokio_util::sync::CancellationToken;
use tracking::TrackingConfig;

use crate::config::{self, Configuration};
use crate::listener::Ready;
use crate::{demo, keys};

/// A domain, and the name of its subgraph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Domain {
    Orders,
    Returns,
    Pricing,
    Notifications,
    Search,
    Tracking,
}

impl Domain {
    /// Those that others ask come first.
    pub(crate) const ALL: [Self; 6] = [
        Self::Orders,
        Self::Pricing,
        Self::Returns,
        Self::Notifications,
        Self::Search,
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

    /// The SDL of this version, for a subgraph that runs elsewhere.
    pub(crate) const fn sdl(self) -> &'static str {
        match self {
            Self::Orders => include_str!("../schema/orders.graphql"),
            Self::Returns => include_str!("../schema/returns.graphql"),
            Self::Pricing => include_str!("../schema/pricing.graphql"),
            Self::Notifications => include_str!("../schema/notifications.graphql"),
            Self::Search => include_str!("../schema/search.graphql"),
            Self::Tracking => include_str!("../schema/tracking.graphql"),
        }
    }

    async fn migrate(self, database: &Database) -> Result<usize, migrations::MigrateError> {
        let connection = database.write();
        match self {
            Self::Orders => migrations::migrate::<orders::Migrator>(connection).await,
            Self::Returns => migrations::migrate::<returns::Migrator>(connection).await,
            Self::Pricing => migrations::migrate::<pricing::Migrator>(connection).await,
            Self::Notifications => migrations::migrate::<notifications::Migrator>(connection).await,
            Self::Search => migrations::migrate::<search::Migrator>(connection).await,
            Self::Tracking => migrations::migrate::<tracking::Migrator>(connection).await,
        }
    }
}

/// Connections to PostgreSQL that one domain may hold.
const POSTGRES_CONNECTIONS: u32 = 10;

/// Opens a domain's database and brings it to this version; the number is of the steps that took.
pub(crate) async fn open_database(
    configuration: &Configuration,
    domain: Domain,
) -> anyhow::Result<(Database, usize)> {
    let config = match &configuration.database_url {
        Some(url) => DatabaseConfig::Postgres {
            url: url.expose().to_owned(),
            max_connections: POSTGRES_CONNECTIONS,
        },
        None => DatabaseConfig::Sqlite {
            directory: configuration.data.clone(),
        },
    };
    let database = Database::open(&config, domain.name()).await?;
    let steps = domain
        .migrate(&database)
        .await
        .with_context(|| format!("the {} database cannot be used", domain.name()))?;
    Ok((database, steps))
}

/// The files that say which currency a customer sees.
fn currency_sources(
    configuration: &config::Pricing,
) -> anyhow::Result<(Countries, Option<GeoDatabase>)> {
    let countries = match &configuration.countries {
        None => Countries::default(),
        Some(file) => {
            let shown = file.display();
            let yaml = std::fs::read_to_string(file)
                .with_context(|| format!("pricing.countries: cannot read {shown}"))?;
            Countries::parse(&yaml)
                .with_context(|| format!("pricing.countries: {shown} cannot be used"))?
        }
    };
    let geo = configuration.geo_database.as_deref().map(GeoDatabase::open);
    let geo = geo.transpose().context("pricing.geo_database")?;
    Ok((countries, geo))
}

/// Messages between instances: over Redis when there is one, else within the process.
fn pubsub(configuration: &Configuration) -> anyhow::Result<Arc<dyn PubSub>> {
    Ok(match &configuration.redis_url {
        Some(url) => Arc::new(RedisPubSub::new(url.expose()).context("redis_url")?),
        None => Arc::new(InProcess::new()),
    })
}

/// What is switched on, by the file that says so if there is one.
async fn flags(configuration: &Configuration) -> anyhow::Result<Flags> {
    let Some(file) = configuration.flags.file() else {
        return Ok(Flags::defaults());
    };
    let interval = configuration.flags.reload_interval.get();
    let provider = FlagFile::open(&file, interval).context("flags.file")?;
    let region = configuration.region.as_str();
    let everywhere = EvaluationContext::default().with_custom_field(REGION, region);
    Ok(Flags::of(provider, everywhere).await)
}

fn tracking_config(configured: &config::Tracking) -> TrackingConfig {
    let mut config = TrackingConfig::default();
    for (carrier, configured) in [
        (&mut config.dhl, &configured.carriers.dhl),
        (&mut config.fedex, &configured.carriers.fedex),
        (&mut config.ups, &configured.carriers.ups),
    ] {
        carrier.poll_interval = Some(configured.poll_interval.get());
    }
    config
}

/// The domains that run in this process.
#[derive(Clone, Debug)]
pub(crate) struct Domains {
    flags: Flags,
    here: BTreeMap<Domain, (Subgraph, Database)>,
    tracking: Option<tracking::State>,
    search: Option<search::State>,
}

impl Domains {
    /// Opens these domains' databases and builds their subgraphs.
    pub(crate) async fn open(
        configuration: &Configuration,
        domains: &[Domain],
        key: &CallerKey,
        clock: &Clock,
    ) -> anyhow::Result<Self> {
        let databases = futures::future::try_join_all(domains.iter().map(|&domain| async move {
            let (database, _) = open_database(configuration, domain).await?;
            anyhow::Ok((domain, database))
        }))
        .await?;
        let mut opened = Self {
            flags: flags(configuration).await?,
            here: BTreeMap::new(),
            tracking: None,
            search: None,
        };
        let databases: BTreeMap<_, _> = databases.into_iter().collect();
        // In the order of `ALL`, so that those who are asked are there before those who ask.
        for domain in Domain::ALL {
            if let Some(database) = databases.get(&domain) {
                let subgraph = opened
                    .build(configuration, domain, database.clone(), key, clock)
                    .await?;
                opened.here.insert(domain, (subgraph, database.clone()));
            }
        }
        Ok(opened)
    }

    async fn build(
        &mut self,
        configuration: &Configuration,
        domain: Domain,
        database: Database,
        key: &CallerKey,
        clock: &Clock,
    ) -> anyhow::Result<Subgraph> {
        let client = |asked: Domain| self.client(configuration, asked, key, clock);
        let clock = clock.clone();
        Ok(match domain {
            Domain::Orders => orders::subgraph(orders::State { database, clock }),
            Domain::Notifications => {
                notifications::subgraph(notifications::State { database, clock })
            }
            Domain::Pricing => {
                let (countries, geo) = currency_sources(&configuration.pricing)?;
                pricing::subgraph(pricing::State {
                    database,
                    clock,
                    countries: Arc::new(countries),
                    geo: geo.map(Arc::new),
                })
            }
            Domain::Returns => {
                let orders = client(Domain::Orders)?;
                returns::subgraph(returns::State {
                    database,
                    clock,
                    orders,
                })
            }
            Domain::Search => {
                let pricing = client(Domain::Pricing)?;
                let index = configuration.data.join("search-index");
                let state = search::State::new(database, clock, index, pricing);
                self.search = Some(state.clone());
                search::subgraph(state)
            }
            Domain::Tracking => {
                let orders = client(Domain::Orders)?;
                let state = tracking::State {
                    database,
                    clock,
                    pubsub: pubsub(configuration)?,
                    orders,
                    config: Arc::new(tracking_config(&configuration.tracking)),
                    guest_links: keys::guest_links(configuration)?,
                    flags: self.flags.clone(),
                    watchers: tracking::Watchers::default(),
                };
                self.tracking = Some(state.clone());
                tracking::subgraph(state)
            }
        })
    }

    /// The way to another domain: in this process, or at its URL.
    fn client(
        &self,
        configuration: &Configuration,
        asked: Domain,
        key: &CallerKey,
        clock: &Clock,
    ) -> anyhow::Result<SubgraphClient> {
        if let Some((subgraph, _)) = self.here.get(&asked) {
            return Ok(SubgraphClient::local(subgraph.clone()));
        }
        let url = configuration.subgraphs.required_url(asked.name())?;
        Ok(SubgraphClient::http(
            url.as_str(),
            key.clone(),
            clock.clone(),
        )?)
    }

    /// The subgraph, when it runs in this process.
    pub(crate) fn subgraph(&self, domain: Domain) -> Option<&Subgraph> {
        self.here.get(&domain).map(|(subgraph, _)| subgraph)
    }

    /// Readies what subgraphs keep outside their databases: the search index.
    pub(crate) async fn start(&self) -> anyhow::Result<()> {
        if let Some(search) = &self.search {
            search
                .open_index()
                .await
                .context("the search index cannot be used")?;
            tokio::spawn(keep_index(search.clone()));
        }
        Ok(())
    }

    /// Fills the databases with the demo shop, when all are here and there is none.
    pub(crate) async fn seed_when_empty(
        &self,
        configuration: &Configuration,
        clock: &Clock,
    ) -> anyhow::Result<()> {
        let databases = demo::Databases::new(|domain| self.database(domain))?;
        let plan = demo::Plan::new(&configuration.demo, clock);
        tracing::info!(
            orders = plan.orders,
            "looking for a shop, and writing the demo shop if there is none"
        );
        demo::seed(&databases, &plan).await?;
        Ok(())
    }

    /// The demo customer's public id, when orders are here and there is one.
    pub(crate) async fn demo_customer(&self) -> anyhow::Result<Option<String>> {
        let Some((_, orders)) = self.here.get(&Domain::Orders) else {
            return Ok(None);
        };
        let customer = customer::by_email(orders.read(), demo::DEMO_CUSTOMER_EMAIL).await?;
        Ok(customer.map(|customer| IdKind::Customer.format(customer.id)))
    }

    /// Keeps the demo's parcels moving, when tracking is here.
    pub(crate) fn keep_moving_until(&self, every: Duration, stop: CancellationToken) {
        if let Some(tracking) = self.tracking.clone() {
            tokio::spawn(keep_moving(tracking, every, stop));
        }
    }

    /// The domains that are here, with their databases.
    pub(crate) fn databases(&self) -> Vec<(Domain, &Database)> {
        self.here
            .iter()
            .map(|(&domain, (_, database))| (domain, database))
            .collect()
    }

    /// A domain's database, when the domain runs in this process.
    pub(crate) fn database(&self, domain: Domain) -> anyhow::Result<Database> {
        self.here
            .get(&domain)
            .map(|(_, database)| database.clone())
            .with_context(|| format!("the {} database is not here", domain.name()))
    }
}

/// How often the search index is held against the database.
const INDEX_CHECK: Duration = Duration::from_secs(15);

/// Products may be imported by another process: the index follows.
async fn keep_index(search: search::State) {
    loop {
        tokio::time::sleep(INDEX_CHECK).await;
        if let Err(error) = search.open_index().await {
            tracing::warn!(%error, "the search index could not be held against the database");
        }
    }
}

async fn keep_moving(tracking: tracking::State, every: Duration, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(every);
    let mut random = ChaCha8Rng::seed_from_u64(0);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = tracking::demo_tick(&tracking, &mut random).await {
            tracing::warn!(?error, "no parcel was moved");
        }
    }
}

impl Ready for Domains {
    /// Every database that is here answers.
    async fn ready(&self) -> Result<(), String> {
        for (domain, (_, database)) in &self.here {
            database
                .read()
                .execute_unprepared("SELECT 1")
                .await
                .map_err(|_| format!("the {} database does not answer", domain.name()))?;
        }
        Ok(())
    }
}
