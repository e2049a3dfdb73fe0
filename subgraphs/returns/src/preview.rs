//! A return before it is made: would it be accepted, and what would be given back?

use async_graphql::{Context, SimpleObject};
use futures::TryFutureExt;
use resolvers::money::CurrencyCode;
use resolvers::user_error::InputError;
use resolvers::{ApiError, ApiResult, access};

use crate::State;
use crate::eligibility::IneligibilityReason;
use crate::judgement::{Before, Judgement, Wish, refunded};
use crate::loaders::{Loaders, OrderOf};
use crate::refund::RefundQuote;
use crate::return_input::ReturnCreateInput;
use crate::rules::input;
use crate::self_service;

/// What would become of a return.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ReturnPreview {
    pub eligible: bool,
    /// Everything that stands against it.
    pub reasons: Vec<IneligibilityReason>,
    /// Null when it is not eligible.
    pub refund: Option<RefundQuote>,
}

/// Judges the input as the caller's return, made now.
pub(crate) async fn preview(
    context: &Context<'_>,
    input: &ReturnCreateInput,
) -> ApiResult<ReturnPreview> {
    let customer = access::customer(context)?;
    let wanted = input::parse(input).map_err(|mistakes| refusal(&mistakes))?;
    let loaders = context.data_unchecked::<Loaders>();
    let order = wanted.order;
    let (wish, returned, returns) = futures::try_join!(
        Wish::of(context, customer, &wanted),
        loaders
            .returned_of_item
            .load_many(wanted.order_items())
            .map_err(ApiError::from),
        loaders
            .returns_of_order
            .load_one(OrderOf { customer, order })
            .map_err(ApiError::from),
    )?;
    let wish = wish.map_err(|mistakes| refusal(&mistakes))?;
    let before = Before {
        returned,
        refunded: refunded(&returns.unwrap_or_default()),
    };
    let state = context.data_unchecked::<State>();
    let mut judgement = wish.judge(&before, state.clock.now());
    if let Some(failure) = self_service::check(state, customer).await {
        let mut failures = judgement.err().unwrap_or_default();
        failures.insert(0, failure);
        judgement = Err(failures);
    }
    Ok(ReturnPreview::new(wish.currency, judgement))
}

impl ReturnPreview {
    fn new(currency: CurrencyCode, judgement: Judgement) -> Self {
        match judgement {
            Ok(quote) => Self {
                eligible: true,
                reasons: Vec::new(),
                refund: Some(RefundQuote::new(&quote, currency)),
            },
            Err(failures) => Self {
                eligible: false,
                reasons: failures.iter().map(IneligibilityReason::from).collect(),
                refund: None,
            },
        }
    }
}

/// All mistakes of the input in one error, each with its place.
fn refusal(mistakes: &[InputError]) -> ApiError {
    let told: Vec<_> = mistakes
        .iter()
        .map(|mistake| {
            let place = mistake.field.as_deref().unwrap_or_default().join(".");
            format!("{place}: {}", mistake.message)
        })
        .collect();
    ApiError::bad_user_input(told.join("; "))
}
