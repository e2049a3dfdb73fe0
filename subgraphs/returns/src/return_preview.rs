//! The GraphQL type `ReturnPreview`: whether a return would be accepted, and what would be refunded.

use async_graphql::{Context, SimpleObject};
use resolvers::money::CurrencyCode;
use resolvers::user_error::InputError;
use resolvers::{ApiError, ApiResult, access};

use crate::State;
use crate::input;
use crate::loaders::{Loaders, OrderOf};
use crate::refund_quote::RefundQuote;
use crate::return_create_input::ReturnCreateInput;
use crate::return_eligibility::IneligibilityReason;
use crate::return_request::{Evaluation, PriorReturns, ReturnRequest, refunded};
use crate::self_service;

/// What would happen if a return were created now.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ReturnPreview {
    /// Whether the return would be accepted.
    pub eligible: bool,
    /// Every rule that prevents it; empty if it would be accepted.
    pub reasons: Vec<IneligibilityReason>,
    /// What would be refunded; null if the return would not be accepted.
    pub refund: Option<RefundQuote>,
}

/// Evaluates the input as a return by the caller, created now.
pub(crate) async fn preview(
    context: &Context<'_>,
    input: &ReturnCreateInput,
) -> ApiResult<ReturnPreview> {
    let customer = access::customer(context)?;
    let parsed = input::parse(input).map_err(|errors| refusal(&errors))?;
    let loaders = context.data_unchecked::<Loaders>();
    let order = parsed.order;
    let (request, returned, returns) = futures::try_join!(
        ReturnRequest::load(context, customer, &parsed),
        loaders.returned_of_item.load_many(parsed.order_items()),
        loaders
            .returns_of_order
            .load_list(OrderOf { customer, order }),
    )?;
    let request = request.map_err(|errors| refusal(&errors))?;
    let prior = PriorReturns {
        returned,
        refunded: refunded(&returns),
    };
    let state = context.data_unchecked::<State>();
    let mut evaluation = request.evaluate(&prior, state.clock.now());
    if let Some(failure) = self_service::check(state, customer).await {
        let mut failures = evaluation.err().unwrap_or_default();
        failures.insert(0, failure);
        evaluation = Err(failures);
    }
    Ok(ReturnPreview::new(request.currency, evaluation))
}

impl ReturnPreview {
    fn new(currency: CurrencyCode, evaluation: Evaluation) -> Self {
        match evaluation {
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

/// Combines all input errors into one, each with its field path.
fn refusal(errors: &[InputError]) -> ApiError {
    let messages: Vec<_> = errors
        .iter()
        .map(|error| {
            let place = error.field.as_deref().unwrap_or_default().join(".");
            format!("{place}: {}", error.message)
        })
        .collect();
    ApiError::bad_user_input(messages.join("; "))
}
