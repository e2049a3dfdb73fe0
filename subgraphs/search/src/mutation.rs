//! Records shoppers' interactions with products, from which preferences and popularity are computed.

use async_graphql::{Context, Object};
use entities::insert_many;
use entities::search::signal;
use resolvers::id::IdKind;
use resolvers::user_error::{InputError, UserErrorCode};
use resolvers::{ApiResult, access};
use uuid::Uuid;

use crate::State;
use crate::loaders::Loaders;
use crate::search_event::{SearchEventInput, SearchEventPayload};

pub(crate) struct Mutation;

/// Root fields of mutations, which change data. Those of one operation run one after another.
#[Object]
impl Mutation {
    /// Records that a shopper, signed in or not, did something with a product.
    async fn search_event_record(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What the shopper did.")] input: SearchEventInput,
    ) -> ApiResult<SearchEventPayload> {
        let customer_id = access::visitor(context)?;
        let mut user_errors = Vec::new();
        let product = match IdKind::Product.parse(&input.product_id) {
            Some(id) => {
                let loaders = context.data_unchecked::<Loaders>();
                loaders.products.load_one(id).await?
            }
            None => None,
        };
        if product.is_none() {
            user_errors.push(InputError::new(
                UserErrorCode::UnknownProduct,
                "There is no product with this id",
                &["input", "productId"],
            ));
        }
        let query_id = input.query_id.map(|id| Uuid::parse_str(&id)).transpose();
        if query_id.is_err() {
            user_errors.push(InputError::new(
                UserErrorCode::InvalidQueryId,
                "This is not the queryId of a search",
                &["input", "queryId"],
            ));
        }
        if input.position.is_some_and(|position| position < 0) {
            user_errors.push(InputError::new(
                UserErrorCode::InvalidPosition,
                "Positions count from 0",
                &["input", "position"],
            ));
        }
        let recorded = match (product, query_id) {
            (Some(product), Ok(query_id)) if user_errors.is_empty() => {
                let state = context.data_unchecked::<State>();
                let row = signal::Model {
                    id: Uuid::now_v7(),
                    customer_id,
                    kind: input.kind.into(),
                    product_id: product.id,
                    query_id,
                    position: input.position,
                    occurred_at: state.clock.now(),
                };
                insert_many::<signal::Entity>(state.database.write(), vec![row]).await?;
                true
            }
            _ => false,
        };
        Ok(SearchEventPayload {
            recorded,
            user_errors,
        })
    }
}
