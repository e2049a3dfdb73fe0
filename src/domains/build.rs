//! Builds each domain from the configuration: its state, its subgraph, and its background work.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use notifications::deals::DealDelivery;
use orders::CheckoutRates;
use platform::cache::RedisCache;
use platform::caller::CallerKey;
use platform::clock::Clock;
use platform::config::Secret;
use platform::database::Database;
use platform::flags::{EvaluationContext, FlagFile, Flags, REGION};
use platform::log_once::LogOnce;
use platform::objects::{LocalObjects, ObjectLinks, Objects, S3Objects};
use platform::providers::easypost::Easypost;
use platform::providers::fcm::Fcm;
use platform::providers::open_exchange_rates::OpenExchangeRates;
use platform::providers::ranking_service::RankingService;
use platform::providers::sqs::SqsQueue;
use platform::providers::stripe::Stripe;
use platform::pubsub::{InProcess, PubSub, RedisPubSub};
use platform::rate_limit::RateLimiter;
use platform::supervisor::{Stage, Supervisor};
use platform::workers::{Job, WorkerContext};
use pricing::{Countries, GeoDatabase, RateCache};
use returns::LabelRules;
use search::engine::embedded::Embedded;
use search::engine::remote::{Dialect, Remote, RemoteConfig};
use search::engine::{AnalysisSource, SearchEngine};
use search::ranking::{CurrentModel, Ranker};
use search::{PersonalizationState, PreferenceCache};
use tracking::{Carrier, CarrierAccess, Carriers, TrackingConfig};
use url::Url;

use super::{Domain, Domains, Jobs, Local, Work};
use crate::config::{self, Configuration, Labels, Provider};
use crate::{keys, messages, partners};

impl Domains {
    /// Builds a domain. The domains it depends on have been built already, or run elsewhere.
    pub(super) fn build(
        &mut self,
        configuration: &Configuration,
        domain: Domain,
        database: Database,
        key: &CallerKey,
        clock: &Clock,
        supervisor: &Supervisor,
    ) -> anyhow::Result<Local> {
        let client = |asked: Domain| self.client(configuration, asked, key, clock);
        let client_of_known = |asked: Domain| {
            let is_known = self.here.contains_key(&asked)
                || configuration.subgraphs.url(asked.name()).is_some();
            is_known.then(|| client(asked)).transpose()
        };
        let providers = &configuration.providers;
        let clock = clock.clone();
        let (subgraph, work) = match domain {
            Domain::Orders => {
                let state = orders::State {
                    database: database.clone(),
                    clock: clock.clone(),
                    stripe: stripe(&providers.stripe, clock)?,
                    capture_method: configuration.orders.capture.into(),
                    search: client_of_known(Domain::Search)?,
                    pricing: client_of_known(Domain::Pricing)?,
                    checkout_rates: Arc::new(from_file(
                        "orders.checkout_rates",
                        configuration.orders.checkout_rates.as_deref(),
                        CheckoutRates::parse,
                    )?),
                    stripe_webhook_secret: providers.stripe.webhook_secret.clone(),
                    fulfilment_webhook_secrets: providers.fulfilment.webhook_secrets(),
                    pubsub: pubsub(configuration, supervisor)?,
                };
                let work = Work {
                    routes: orders::routes(state.clone()),
                    subscribers: orders::workers::subscribers(&state),
                    jobs: jobs_of(&state, orders::workers::jobs),
                };
                (orders::subgraph(state), work)
            }
            Domain::Returns => {
                let state = returns::State {
                    database: database.clone(),
                    clock: clock.clone(),
                    orders: client(Domain::Orders)?,
                    search: client_of_known(Domain::Search)?,
                    label_rules: Arc::new(label_rules(&configuration.returns.labels)),
                    stripe: stripe(&providers.stripe, clock.clone())?,
                    easypost: easypost(&providers.easypost, clock.clone(), &database)?,
                    easypost_webhook_secret: providers.easypost.webhook_secret.clone(),
                    unknown_statuses: LogOnce::default(),
                    labels: label_links(configuration, clock, supervisor)?,
                    flags: self.flags.clone(),
                    pubsub: pubsub(configuration, supervisor)?,
                };
                let work = Work {
                    routes: returns::routes(state.clone()),
                    subscribers: returns::workers::subscribers(&state),
                    jobs: jobs_of(&state, returns::workers::jobs),
                };
                (returns::subgraph(state), work)
            }
            Domain::Pricing => {
                let state = pricing::State {
                    rate_provider: rate_provider(&providers.exchange_rates, clock.clone())?,
                    second_rate_provider: second_rate_provider(configuration, clock.clone())?,
                    pubsub: pubsub(configuration, supervisor)?,
                    ..pricing_state(configuration, database.clone(), clock)?
                };
                let work = Work {
                    subscribers: pricing::workers::subscribers(&state),
                    jobs: jobs_of(&state, pricing::workers::jobs),
                    ..Work::default()
                };
                (pricing::subgraph(state), work)
            }
            Domain::Notifications => {
                let fcm = fcm(&providers.fcm, clock.clone())?;
                let state = notifications::State {
                    database: database.clone(),
                    deals: deals(&configuration.notifications.deals, clock.clone())?,
                    partners: self.partners.clone(),
                    webhooks: partners::delivery(configuration)?,
                    delivery: messages::delivery(
                        configuration,
                        &clock,
                        client_of_known(Domain::Orders)?,
                        fcm.clone(),
                        pubsub(configuration, supervisor)?,
                    )?,
                    text_retention: configuration.notifications.text_retention.get(),
                    fcm,
                    clock,
                };
                let work = Work {
                    routes: notifications::routes(state.clone()),
                    subscribers: notifications::workers::subscribers(&state),
                    jobs: jobs_of(&state, notifications::workers::jobs),
                };
                (notifications::subgraph(state), work)
            }
            Domain::Search => {
                let pricing = client(Domain::Pricing)?;
                let index = configuration.data.join("search-index");
                let public_url = configuration.public_url()?;
                let ranker = ranker(configuration, &clock, supervisor)?;
                let state = search::State {
                    personalization: self.personalization(configuration, &clock, supervisor)?,
                    engine: search_engine(configuration, &clock)?,
                    deadline: configuration.search.deadline.get(),
                    ranker: ranker.with_flags(self.flags.clone()),
                    ..search::State::new(
                        database.clone(),
                        clock,
                        index,
                        pricing,
                        public_url.as_str(),
                    )
                };
                self.search = Some(state.clone());
                let work = Work {
                    subscribers: search::workers::subscribers(),
                    jobs: jobs_of(&state, search::workers::jobs),
                    ..Work::default()
                };
                (search::subgraph(state), work)
            }
            Domain::Tracking => {
                let config = tracking_config(configuration);
                let state = tracking::State {
                    database: database.clone(),
                    clock: clock.clone(),
                    pubsub: pubsub(configuration, supervisor)?,
                    orders: client(Domain::Orders)?,
                    carriers: carriers(providers, &config, &clock)?,
                    config: Arc::new(config),
                    guest_links: keys::guest_links(configuration)?,
                    flags: self.flags.clone(),
                    guest_link_limiter: tracking::GuestLinkLimiter::default(),
                    entitlement_checks: tracking::EntitlementChecks::default(),
                    watchers: tracking::WatchRegistry::default(),
                };
                self.tracking = Some(state.clone());
                let work = Work {
                    routes: tracking::routes(state.clone()),
                    subscribers: tracking::workers::subscribers(),
                    jobs: jobs_of(&state, tracking::workers::jobs),
                };
                (tracking::subgraph(state), work)
            }
        };
        Ok(Local {
            database,
            subgraph: subgraph.limited(configuration.subgraphs.limits.get()),
            work,
        })
    }
}

impl Domains {
    /// What personalized search results depend on, shared by instances over Redis if it is configured.
    fn personalization(
        &self,
        configuration: &Configuration,
        clock: &Clock,
        supervisor: &Supervisor,
    ) -> anyhow::Result<PersonalizationState> {
        let config = configuration.search.personalization.get();
        let state = PersonalizationState {
            config,
            flags: self.flags.clone(),
            ..PersonalizationState::in_process(clock.clone())
        };
        let Some(server) = configuration.redis()? else {
            return Ok(state);
        };
        let cache = RedisCache::new(&server, "preferences", PreferenceCache::BOUNDS);
        let pubsub = pubsub(configuration, supervisor)?;
        let limiter = RateLimiter::redis(&server);
        Ok(PersonalizationState {
            preferences: PreferenceCache::new(Arc::new(cache), pubsub),
            limiter: Arc::new(limiter),
            ..state
        })
    }
}

/// What ranks the first results of searches.
fn ranker(
    configuration: &Configuration,
    clock: &Clock,
    supervisor: &Supervisor,
) -> anyhow::Result<Ranker> {
    let ranker = &configuration.search.ranker;
    if let Some(url) = &ranker.url {
        let budget = ranker.budget.get();
        let service = RankingService::new(url.expose_url().clone(), budget, clock.clone());
        return Ok(Ranker::service(
            service.context("search.ranker.url")?,
            budget,
        ));
    }
    let Some(file) = &ranker.model else {
        return Ok(Ranker::model(CurrentModel::default()));
    };
    let model = CurrentModel::open(file, ranker.reload_interval.get(), supervisor);
    Ok(Ranker::model(model.context("search.ranker.model")?))
}

/// The feature flags, from the configured file if there is one.
pub(super) async fn flags(
    configuration: &Configuration,
    supervisor: &Supervisor,
) -> anyhow::Result<Flags> {
    let Some(file) = configuration.flags.file() else {
        return Ok(Flags::defaults());
    };
    let interval = configuration.flags.reload_interval.get();
    let provider = FlagFile::open(&file, interval, supervisor)
        .await
        .context("flags.file")?;
    let region = configuration.region.as_str();
    let everywhere = EvaluationContext::default().with_custom_field(REGION, region);
    Ok(Flags::of(provider, everywhere).await)
}

/// A domain's jobs, over their own state.
fn jobs_of<S: Clone + Send + Sync + 'static>(
    state: &S,
    jobs: fn(&S, &WorkerContext) -> Vec<Job>,
) -> Jobs {
    let state = state.clone();
    Box::new(move |context| jobs(&state, context))
}

/// The Stripe client, if it is configured.
fn stripe(provider: &Provider, clock: Clock) -> anyhow::Result<Option<Stripe>> {
    let stripe = access("stripe", provider).map(|(url, key)| Stripe::new(url, key, clock));
    stripe.transpose().context("providers.stripe.url")
}

/// The EasyPost client, if it is configured.
fn easypost(
    provider: &Provider,
    clock: Clock,
    database: &Database,
) -> anyhow::Result<Option<Easypost>> {
    let database = Some(database.for_workers());
    let easypost =
        access("easypost", provider).map(|(url, key)| Easypost::new(url, key, clock, database));
    easypost.transpose().context("providers.easypost.url")
}

/// How deals are sent.
fn deals(configured: &config::Deals, clock: Clock) -> anyhow::Result<DealDelivery> {
    let sqs = configured.sqs.as_ref();
    let sqs = sqs.filter(|_| configured.queue == config::DealQueue::Sqs);
    let queue = sqs.map(|sqs| SqsQueue::new(sqs, clock)).transpose();
    Ok(DealDelivery {
        interval: configured.interval.get(),
        at_once: configured.at_once.get(),
        per_second: configured.per_second.get(),
        queue: queue.context("notifications.deals.sqs")?,
    })
}

/// The client of Firebase Cloud Messaging, if it is configured.
fn fcm(provider: &Provider, clock: Clock) -> anyhow::Result<Option<Fcm>> {
    let fcm = access("fcm", provider).map(|(url, key)| Fcm::new(&url, &key, clock));
    fcm.transpose().context("providers.fcm")
}

/// The engine that products are searched with.
fn search_engine(
    configuration: &Configuration,
    clock: &Clock,
) -> anyhow::Result<Arc<dyn SearchEngine>> {
    let search = &configuration.search;
    let analysis = match &search.analysis {
        Some(directory) => AnalysisSource::Directory(directory.clone()),
        None => AnalysisSource::BuiltIn,
    };
    analysis.read().context("search.analysis")?;
    let dialect = match search.engine {
        config::Engine::Embedded => {
            let index = configuration.data.join("search-index");
            return Ok(Arc::new(Embedded::new(index).with_analysis(analysis)));
        }
        config::Engine::OpenSearch => Dialect::OpenSearch,
        config::Engine::Elasticsearch => Dialect::Elasticsearch,
    };
    let url = search.url.as_ref().context("search.url is not set")?;
    let ca = search.ca_file.as_deref().map(|file| {
        let shown = file.display();
        std::fs::read(file).with_context(|| format!("search.ca_file: cannot read {shown}"))
    });
    let config = RemoteConfig {
        dialect,
        url: url.expose_url().clone(),
        ca: ca.transpose()?,
        index: search.index.clone(),
        timeout: search.timeout.get(),
        write_timeout: search.write_timeout.get(),
        analysis,
    };
    let engine = Remote::new(config, clock.clone()).context("search")?;
    Ok(Arc::new(engine))
}

/// The pricing domain's state for this configuration, without a rate provider.
pub(crate) fn pricing_state(
    configuration: &Configuration,
    database: Database,
    clock: Clock,
) -> anyhow::Result<pricing::State> {
    let pricing = &configuration.pricing;
    let countries = pricing.countries.as_deref();
    let countries = from_file("pricing.countries", countries, Countries::parse)?;
    let geo = pricing.geo_database.as_deref().map(GeoDatabase::open);
    let geo = geo.transpose().context("pricing.geo_database")?;
    let rate_cache = match configuration.redis()? {
        Some(server) => {
            let cache = RedisCache::new(&server, "exchange_rates", RateCache::BOUNDS);
            RateCache::new(Arc::new(cache.without_prefix()))
        }
        None => RateCache::default(),
    };
    Ok(pricing::State {
        countries: Arc::new(countries),
        geo: geo.map(Arc::new),
        rates: pricing.rates.get(),
        rate_cache,
        floor_percent: pricing.floor_percent,
        ..pricing::State::new(database, clock)
    })
}

/// The client of Open Exchange Rates, if it is configured.
fn rate_provider(provider: &Provider, clock: Clock) -> anyhow::Result<Option<OpenExchangeRates>> {
    let rates = access("exchange_rates", provider)
        .map(|(url, app_id)| OpenExchangeRates::new(url, app_id, clock));
    rates.transpose().context("providers.exchange_rates.url")
}

/// The client of the second source of rates, if there is one.
fn second_rate_provider(
    configuration: &Configuration,
    clock: Clock,
) -> anyhow::Result<Option<OpenExchangeRates>> {
    let second = configuration.pricing.rates.second_source.as_ref();
    let client = second.map(|second| {
        OpenExchangeRates::new(second.url.expose_url().clone(), second.key.clone(), clock)
    });
    client
        .transpose()
        .context("pricing.rates.second_source.url")
}

/// A provider's URL and our key.
pub(crate) fn access(name: &'static str, provider: &Provider) -> Option<(Url, Secret)> {
    let url = provider.url.as_ref().map(|url| url.expose_url().clone());
    let access = url.zip(provider.key.clone());
    if access.is_none() {
        tracing::warn!("providers.{name}.url is not set, operations that need it will fail");
    }
    access
}

/// The store of labels and their links.
fn label_links(
    configuration: &Configuration,
    clock: Clock,
    supervisor: &Supervisor,
) -> anyhow::Result<ObjectLinks> {
    let objects: Arc<dyn Objects> = match &configuration.objects.s3 {
        Some(s3) => {
            let bucket: Arc<dyn Objects> =
                Arc::new(S3Objects::new(s3, &clock).context("objects.s3")?);
            let watched = (bucket.clone(), supervisor.clone());
            supervisor.start(Stage::Support, "objects.watch", move |stop| {
                let (bucket, supervisor) = watched.clone();
                platform::objects::watch(bucket, supervisor, stop)
            });
            bucket
        }
        None => Arc::new(LocalObjects::new(
            configuration.data.join("objects"),
            clock.clone(),
        )),
    };
    let secret = keys::object_links(configuration)?;
    let mut base = configuration.public_url()?;
    if let Ok(mut path) = base.path_segments_mut() {
        path.pop_if_empty().push("objects");
    }
    ObjectLinks::new(objects, base, secret, clock).context("public_url")
}

/// The parsed file that a key points at, or the default without one.
fn from_file<T: Default, E: std::error::Error + Send + Sync + 'static>(
    key: &str,
    file: Option<&Path>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> anyhow::Result<T> {
    let Some(file) = file else {
        return Ok(T::default());
    };
    let shown = file.display();
    let text =
        std::fs::read_to_string(file).with_context(|| format!("{key}: cannot read {shown}"))?;
    parse(&text).with_context(|| format!("{key}: {shown} is not valid"))
}

/// Pub/sub between instances: over Redis if configured, else within the process.
fn pubsub(
    configuration: &Configuration,
    supervisor: &Supervisor,
) -> anyhow::Result<Arc<dyn PubSub>> {
    Ok(match configuration.redis()? {
        Some(server) => Arc::new(RedisPubSub::new(&server, supervisor)),
        None => Arc::new(InProcess::new()),
    })
}

fn tracking_config(configuration: &Configuration) -> TrackingConfig {
    let configured = &configuration.tracking;
    let mut config = TrackingConfig {
        instance: configuration.listen.to_string(),
        region: configuration.region.clone(),
        recheck_interval: configured.recheck_interval.get(),
        age_limit: configured.age_limit.get(),
        ..TrackingConfig::default()
    };
    for (carrier, configured) in [
        (&mut config.dhl, &configured.carriers.dhl),
        (&mut config.fedex, &configured.carriers.fedex),
        (&mut config.ups, &configured.carriers.ups),
    ] {
        carrier.poll_interval = Some(configured.poll_interval.get());
        carrier.timeout = configured.timeout.get();
        carrier.hourly_budget = configured.hourly_budget;
    }
    config
}

/// The carriers to poll, and those whose webhooks are accepted; EasyPost reports USPS's parcels.
fn carriers(
    providers: &config::Providers,
    config: &TrackingConfig,
    clock: &Clock,
) -> anyhow::Result<Carriers> {
    let mut carriers = Carriers::default();
    for (name, carrier, provider) in [
        ("dhl", Carrier::Dhl, &providers.dhl),
        ("fedex", Carrier::Fedex, &providers.fedex),
        ("ups", Carrier::Ups, &providers.ups),
        ("easypost", Carrier::Usps, &providers.easypost),
    ] {
        if let Some((url, key)) = access(name, provider) {
            let account = provider.account.clone().unwrap_or_default();
            let access = CarrierAccess { url, account, key };
            carriers = carriers
                .with_api(carrier, access, config.carrier(carrier), clock)
                .with_context(|| format!("providers.{name}.url"))?;
        }
        if let Some(secret) = &provider.webhook_secret {
            carriers = carriers.with_webhook_secret(carrier, secret.clone());
        }
    }
    Ok(carriers)
}

fn label_rules(labels: &Labels) -> LabelRules {
    LabelRules {
        phone: labels.phone.clone(),
        international_services: labels.international_services.clone(),
        international_limit: i64::from(labels.international_limit_usd) * 100,
    }
}
