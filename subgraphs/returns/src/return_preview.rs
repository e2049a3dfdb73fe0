//! The GraphQL type `ReturnPreview`: whether a return would be accepted, and what would be refunded.

use async_graphql::{ComplexObject, Context, SimpleObject};
use resolvers::money::Money;
use resolvers::user_error::InputError;
use resolvers::{ApiError, ApiResult, access};

use crate::State;
use crate::input;
use crate::label_estimate::{self, PlannedParcel};
use crate::loaders::{Loaders, OrderOf};
use crate::refund_quote::RefundQuote;
use crate::return_create_input::ReturnCreateInput;
use crate::return_eligibility::IneligibilityReason;
use crate::return_request::{Evaluation, PriorReturns, ReturnRequest, refunded};
use crate::self_service;

/// What would happen if a return were created now.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct ReturnPreview {
    /// Whether the return would be accepted.
    pub eligible: bool,
    /// Every rule that prevents it; empty if it would be accepted.
    pub reasons: Vec<IneligibilityReason>,
    /// What would be refunded; null if the return would not be accepted.
    pub refund: Option<RefundQuote>,
    #[graphql(skip)]
    planned: PlannedParcel,
}

#[ComplexObject]
impl ReturnPreview {
    /// What the label is likely to cost the shop, in US dollars: as much as the last one for a parcel of about this weight
    /// from this country. Null if none was made yet. The customer pays nothing for it.
    async fn estimated_label_cost(&self, context: &Context<'_>) -> Option<ApiResult<Money>> {
        let state = context.data_unchecked::<State>();
        let estimated = label_estimate::estimate(state, &self.planned).await;
        estimated.transpose()
    }
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
    Ok(ReturnPreview::new(&request, evaluation))
}

impl ReturnPreview {
    fn new(request: &ReturnRequest<'_>, evaluation: Evaluation) -> Self {
        let products = request.lines.iter();
        let products = products.map(|line| (line.purchase.product, line.parsed.quantity.into()));
        let planned = PlannedParcel {
            country: request.country.to_string(),
            products: products.collect(),
        };
        match evaluation {
            Ok(quote) => Self {
                eligible: true,
                reasons: Vec::new(),
                refund: Some(RefundQuote::new(&quote, request.currency)),
                planned,
            },
            Err(failures) => Self {
                eligible: false,
                reasons: failures.iter().map(IneligibilityReason::from).collect(),
                refund: None,
                planned,
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
