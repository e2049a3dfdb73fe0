//! Mutations of prices.

use std::collections::HashSet;

use async_graphql::{Context, Object};
use metrics::counter;
use resolvers::idempotency::{self, Attempt, IdempotentMutation, KeyUse};
use resolvers::{ApiResult, access};

use crate::State;
use crate::loaders::Loaders;
use crate::price_set::{self, Outcome, PriceSetPayload, Writer};
use crate::price_set_input::PriceSetInput;

/// The scope of those who may change prices, and see who did and why.
pub(crate) const MERCHANDISING: &str = "merchandising";

pub(crate) struct Mutation;

/// Root fields of mutations, which change data. Those of one operation run one after another.
#[Object]
impl Mutation {
    /// Changes prices, now or at a later moment: all of them, or none if one has an error.
    #[graphql(requires_scopes = "merchandising")]
    async fn price_set(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The prices to change.")] input: PriceSetInput,
        #[graphql(
            desc = "A fresh UUID for each request. Repeating a request with its key changes nothing more."
        )]
        idempotency_key: String,
    ) -> ApiResult<PriceSetPayload> {
        let actor = access::actor(context, MERCHANDISING)?;
        let state = context.data_unchecked::<State>();
        // The payload's prices are those of this moment.
        let now = context.data_unchecked::<Loaders>().now;
        let using = KeyUse {
            caller: actor.key_owner,
            operation: "priceSet",
            key: &idempotency_key,
            input: &input,
            retention_days: idempotency::RETENTION_DAYS,
        };
        let keyed = IdempotentMutation::new(&state.database, using, now);
        if let Some(outcome) = keyed.previous_outcome::<Outcome>().await? {
            return Ok(outcome.into());
        }
        let refused = |user_errors| PriceSetPayload {
            user_errors,
            ..PriceSetPayload::default()
        };
        let changes = match price_set::check(&input, now) {
            Ok(changes) => changes,
            Err(errors) => return Ok(refused(errors)),
        };
        let effect = match keyed.begin::<Outcome>().await? {
            Attempt::Replay(outcome) => return Ok(outcome.into()),
            Attempt::First(effect) => effect,
        };
        let transaction = &effect.transaction;
        let locked = price_set::lock(transaction, &changes).await?;
        let errors = price_set::check_locked(&changes, &locked);
        if !errors.is_empty() {
            effect.rollback().await?;
            return Ok(refused(errors));
        }
        let count = changes.len();
        let by = Writer {
            actor: &actor.name,
            floor_percent: state.floor_percent,
            now,
        };
        let scheduled = &mut HashSet::new();
        let outcome = price_set::write(transaction, changes, &locked, scheduled, by).await?;
        effect.commit(&outcome).await?;
        context.data_unchecked::<Loaders>().forget();
        counter!("vantage_pricing_price_changes_total", "by" => "mutation").increment(count as u64);
        Ok(outcome.into())
    }
}
