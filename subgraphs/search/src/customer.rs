//! Extends the orders domain's `Customer` with how their search results are personalized.

use async_graphql::{Context, ID, Object, SimpleObject};
use entities::search::signal;
use resolvers::id::IdKind;
use resolvers::{ApiResult, access};
use uuid::Uuid;

use crate::State;
use crate::personalization::PersonalizationMode;
use crate::rules::preference::WINDOW;

pub(crate) struct Customer {
    pub id: Uuid,
}

/// A customer, visible only to themselves.
#[Object(cache_control(no_cache))]
impl Customer {
    /// Globally unique id: `usr_` followed by 26 characters.
    async fn id(&self) -> ID {
        IdKind::Customer.id(self.id)
    }

    /// Whether and how the customer's search results are personalized.
    async fn personalization(
        &self,
        context: &Context<'_>,
    ) -> Option<ApiResult<CustomerPersonalization>> {
        let answer: ApiResult<Option<CustomerPersonalization>> = async {
            let customer = access::owner(
                context,
                self.id,
                "You can only see your own personalization",
            )?;
            let state = context.data_unchecked::<State>();
            CustomerPersonalization::load(state, customer)
                .await
                .map(Some)
        }
        .await;
        answer.transpose()
    }
}

/// Whether and how a customer's search results are personalized.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct CustomerPersonalization {
    /// Whether the customer has opted out, with `personalizationOptOutSet`.
    pub opted_out: bool,
    /// How many signals of the last 90 days are stored: views, clicks in search results, carts, wishlists, reviews read,
    /// and products bought. Preferences are computed from them every night.
    pub signals: i32,
    /// How results are personalized at the moment.
    pub mode: PersonalizationMode,
}

impl CustomerPersonalization {
    pub(crate) async fn load(state: &State, customer: Uuid) -> ApiResult<Self> {
        let personalization = &state.personalization;
        let known = personalization
            .preferences
            .get(&state.database, customer)
            .await?;
        let since = state.clock.now() - WINDOW;
        let numbers = signal::numbers_of(state.database.read(), &[customer], since).await?;
        let signals = numbers.get(&customer).copied().unwrap_or_default();
        Ok(Self {
            opted_out: known.opted_out,
            signals: i32::try_from(signals).unwrap_or(i32::MAX),
            mode: personalization.mode(customer, &known).await.into(),
        })
    }
}
