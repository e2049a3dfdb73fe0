//! A shop whose state changes, as an in-process subgraph.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_graphql::{
    Context, EmptyMutation, EmptySubscription, ID, Object, SDLExportOptions, Schema, SimpleObject,
};
use futures::stream::BoxStream;
use platform::caller::Caller;
use router::{
    EntityCache, EntityCacheConfig, InvalidEntity, Invalidation, LocalService, LocalSubscription,
    LocalTransport, Router, SharedValues, SharedValuesConfig,
};
use tokio::sync::Semaphore;

use super::shared::Server;

pub(super) const PRODUCTS: usize = 4;

/// The state of the shop: a number for each product, which grows with each write.
#[derive(Debug, Default)]
pub(super) struct Shop {
    pub(super) versions: [AtomicU64; PRODUCTS],
}

mod catalog {
    use super::*;

    #[derive(SimpleObject)]
    pub(super) struct Product {
        pub(super) id: ID,
    }

    pub(super) struct Query;

    #[Object]
    impl Query {
        async fn products(&self, ids: Vec<ID>) -> Vec<Product> {
            ids.into_iter().map(|id| Product { id }).collect()
        }

        #[graphql(entity)]
        async fn product(&self, id: ID) -> Product {
            Product { id }
        }
    }
}

mod shop {
    use super::*;

    pub(super) struct Product {
        number: usize,
    }

    #[Object(cache_control(max_age = 60))]
    impl Product {
        async fn id(&self) -> ID {
            self.number.to_string().into()
        }

        async fn version(&self, context: &Context<'_>) -> u64 {
            let shop = context.data_unchecked::<Arc<Shop>>();
            shop.versions[self.number].load(Ordering::SeqCst)
        }

        /// Who looks at it.
        #[graphql(cache_control(private))]
        async fn viewer<'a>(&self, context: &Context<'a>) -> Option<&'a str> {
            context.data_unchecked::<Caller>().subject.as_deref()
        }
    }

    pub(super) struct Query;

    #[Object]
    impl Query {
        #[graphql(cache_control(max_age = 60))]
        async fn newest(&self) -> Vec<Product> {
            (0..PRODUCTS).map(|number| Product { number }).collect()
        }

        #[graphql(cache_control(no_cache))]
        async fn visitor<'a>(&self, context: &Context<'a>) -> Option<&'a str> {
            context.data_unchecked::<Caller>().subject.as_deref()
        }

        #[graphql(entity)]
        async fn product(&self, id: ID) -> Option<Product> {
            let number = id
                .parse::<usize>()
                .ok()
                .filter(|number| *number < PRODUCTS)?;
            Some(Product { number })
        }
    }
}

type ShopSchema = Schema<shop::Query, EmptyMutation, EmptySubscription>;

/// Reads at once, and answers when it is allowed to.
struct Slow {
    schema: ShopSchema,
    answers: Arc<Semaphore>,
}

#[async_trait::async_trait]
impl LocalService for Slow {
    async fn execute(
        &self,
        request: async_graphql::Request,
        caller: Caller,
    ) -> async_graphql::Response {
        let response = self.schema.execute(request.data(caller)).await;
        let allowed = self.answers.acquire().await.expect("it is open");
        allowed.forget();
        response
    }

    fn subscribe(&self, _: LocalSubscription) -> BoxStream<'static, async_graphql::Response> {
        Box::pin(futures::stream::empty())
    }
}

/// A process with a router over a catalog and a slow shop.
#[derive(Clone)]
pub(super) struct Instance {
    pub(super) cache: EntityCache,
    /// What it shares with the others.
    pub(super) values: SharedValues,
    pub(super) router: Arc<Router>,
}

/// A shop, and processes that share values.
pub(super) struct World {
    pub(super) shop: Arc<Shop>,
    /// How many fetches the shop may answer.
    pub(super) answers: Arc<Semaphore>,
    pub(super) server: Arc<Server>,
    pub(super) instances: Vec<Instance>,
}

impl World {
    pub(super) fn new(instances: usize) -> Self {
        let (shop, answers) = (Arc::new(Shop::default()), Arc::new(Semaphore::new(0)));
        let server = Server::new();
        let options = || SDLExportOptions::new().federation();
        let schema = Schema::build(shop::Query, EmptyMutation, EmptySubscription)
            .data(Arc::clone(&shop))
            .enable_federation()
            .finish();
        let catalog = Schema::build(catalog::Query, EmptyMutation, EmptySubscription)
            .enable_federation()
            .finish();
        let (shop_sdl, catalog_sdl) = (
            schema.sdl_with_options(options()),
            catalog.sdl_with_options(options()),
        );
        let slow: Arc<dyn LocalService> = Arc::new(Slow {
            schema,
            answers: Arc::clone(&answers),
        });
        let catalog: Arc<dyn LocalService> = Arc::new(catalog);
        let local = |name: &str, service: &Arc<dyn LocalService>| {
            Arc::new(LocalTransport::new(name, Arc::clone(service)))
        };
        let instance = |_| {
            let config = SharedValuesConfig::default();
            let values = SharedValues::new(server.clone(), config);
            let shared = Some(values.clone());
            let cache = EntityCache::with_shared(EntityCacheConfig::default(), shared);
            let router = Router::builder()
                .subgraph("catalog", &catalog_sdl, local("catalog", &catalog))
                .subgraph("shop", &shop_sdl, local("shop", &slow))
                .entity_cache(cache.clone())
                // Hundreds at once may take long on a busy machine.
                .deadline(Duration::from_secs(600))
                .build()
                .expect("a router");
            Instance {
                cache,
                values,
                router: Arc::new(router),
            }
        };
        Self {
            instances: (0..instances).map(instance).collect(),
            shop,
            answers,
            server,
        }
    }
}

impl Instance {
    /// Invalidates a product here, then what the others share. Returns whether that is certain.
    pub(super) fn announce(&self, product: usize) -> impl Future<Output = bool> + use<> {
        let recording = self.values.begin();
        self.invalidate(product);
        async move { recording.record(&[of(product)]).await }
    }

    /// Hears of it from another process.
    pub(super) fn hear(&self, product: usize, is_recorded: bool) {
        if !is_recorded {
            self.values.doubt();
        }
        self.invalidate(product);
    }

    fn invalidate(&self, product: usize) {
        self.cache.invalidate(&of(product));
    }
}

fn of(product: usize) -> Invalidation {
    Invalidation {
        entities: vec![InvalidEntity::new("Product", "id", product.to_string())],
        ..Invalidation::default()
    }
}
