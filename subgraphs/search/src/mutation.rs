//! Records shoppers' interactions with products, from which preferences and popularity are computed, and whether
//! customers want personalized results.

use async_graphql::{Context, Object};
use entities::insert_many;
use entities::search::signal::{self, SignalKind};
use entities::search::{customer_preference, search_exposure};
use platform::caller::Caller;
use resolvers::id::IdKind;
use resolvers::user_error::{InputError, UserErrorCode};
use resolvers::{ApiResult, access};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::State;
use crate::loaders::Loaders;
use crate::personalization_opt_out::{self, PersonalizationPayload};
use crate::rules::attribution;
use crate::search_event::{SearchEventInput, SearchEventPayload};

pub(crate) struct Mutation;

/// Root fields of mutations, which change data. Those of one operation run one after another.
#[Object]
impl Mutation {
    /// Records that a shopper, signed in or not, did something with a product. How many events a caller may record in a
    /// minute is limited.
    async fn search_event_record(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What the shopper did.")] input: SearchEventInput,
    ) -> ApiResult<SearchEventPayload> {
        let customer_id = access::visitor(context)?;
        let state = context.data_unchecked::<State>();
        let caller = limited_caller(access::caller(context)?);
        state.personalization.count_event(&caller).await?;
        let kind = SignalKind::from(input.kind);
        let mut user_errors = Vec::new();
        if kind == SignalKind::Purchase {
            user_errors.push(InputError::new(
                UserErrorCode::PurchaseNotAccepted,
                "Purchases are recorded from orders",
                &["input", "kind"],
            ));
        }
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
        let is_missing = kind == SignalKind::SearchClick && matches!(query_id, Ok(None));
        if query_id.is_err() || is_missing {
            user_errors.push(InputError::new(
                UserErrorCode::InvalidQueryId,
                if is_missing {
                    "A click in the results of a search needs the search's queryId"
                } else {
                    "This is not the queryId of a search"
                },
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
                let signal = signal::Model {
                    id: Uuid::now_v7(),
                    customer_id,
                    kind,
                    product_id: product.id,
                    query_id,
                    position: input.position,
                    occurred_at: state.clock.now(),
                    order_id: None,
                };
                record(state, signal).await?;
                true
            }
            _ => false,
        };
        Ok(SearchEventPayload {
            recorded,
            user_errors,
        })
    }

    /// Opts the caller out of personalized results, and at once forgets their preferences and everything they are
    /// computed from; or opts the caller in again.
    #[graphql(directive = access::authenticated::apply())]
    async fn personalization_opt_out_set(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "True to opt out, false to opt in again.")] opt_out: bool,
    ) -> ApiResult<PersonalizationPayload> {
        let customer = access::customer(context)?;
        let state = context.data_unchecked::<State>();
        personalization_opt_out::set(state, customer, opt_out).await
    }
}

/// Whose events are counted together: the customer's, or all visitors' at one address.
fn limited_caller(caller: &Caller) -> String {
    match (&caller.subject, caller.ip) {
        (Some(customer), _) => format!("user:{customer}"),
        (None, Some(address)) => format!("ip:{address}"),
        (None, None) => "visitor".to_owned(),
    }
}

/// Stores a signal, and what it means for the experiment.
async fn record(state: &State, mut signal: signal::Model) -> Result<(), DbErr> {
    let now = signal.occurred_at;
    let outcome = attribution::outcome(signal.kind);
    if outcome.is_some() {
        // The search may not have been written yet.
        state
            .personalization
            .exposures
            .flush(&state.database)
            .await?;
    }
    let transaction = state.database.begin().await?;
    if let Some(customer) = signal.customer_id
        && customer_preference::lock_opted_out(&transaction, customer).await?
    {
        // It still counts for what is popular.
        signal.customer_id = None;
    }
    if let (Some(customer), Some(outcome)) = (signal.customer_id, outcome) {
        let since = now - attribution::DAY;
        let query = match signal.query_id {
            Some(query) => Some(query),
            None => {
                let product = signal.product_id;
                signal::searches_of(&transaction, customer, &[product], since)
                    .await?
                    .remove(&product)
            }
        };
        if let Some(query) = query {
            search_exposure::record_outcome(&transaction, query, customer, outcome, since, now)
                .await?;
        }
    }
    insert_many::<signal::Entity>(&transaction, vec![signal]).await?;
    transaction.commit().await
}
