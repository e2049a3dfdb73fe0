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
    LocalTransport, Router,
};
use tokio::sync::Semaphore;

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

/// A router over a catalog and a slow shop.
pub(super) struct World {
    pub(super) shop: Arc<Shop>,
    /// How many fetches the shop may answer.
    pub(super) answers: Arc<Semaphore>,
    pub(super) cache: EntityCache,
    pub(super) router: Router,
}

impl World {
    pub(super) fn new(config: EntityCacheConfig) -> Self {
        let (shop, answers) = (Arc::new(Shop::default()), Arc::new(Semaphore::new(0)));
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
        let slow = Slow {
            schema,
            answers: Arc::clone(&answers),
        };
        let cache = EntityCache::new(config);
        let local = |name: &str, service: Arc<dyn LocalService>| {
            Arc::new(LocalTransport::new(name, service))
        };
        let router = Router::builder()
            .subgraph("catalog", &catalog_sdl, local("catalog", Arc::new(catalog)))
            .subgraph("shop", &shop_sdl, local("shop", Arc::new(slow)))
            .entity_cache(cache.clone())
            // Hundreds at once may take long on a busy machine.
            .deadline(Duration::from_secs(600))
            .build()
            .expect("a router");
        Self {
            shop,
            answers,
            cache,
            router,
        }
    }

    pub(super) fn invalidate(&self, product: usize) {
        self.cache.invalidate(&Invalidation {
            entities: vec![InvalidEntity::new("Product", "id", product.to_string())],
            ..Invalidation::default()
        });
    }
}
