//! `orderReorder`: orders the products of an earlier order again, at their current prices.

use async_graphql::Context;
use entities::orders::{order, order_item};
use resolvers::money::CurrencyCode;
use resolvers::user_error::{InputError, UserErrorCode};
use resolvers::{ApiError, ApiResult};
use serde::Serialize;
use uuid::Uuid;

use crate::State;
use crate::input::{self, Basket, ParsedInput, ParsedLine};
use crate::order_place::OrderPlacePayload;
use crate::rules::allowed_actions::{self, OrderAction};

/// The input of `orderReorder`.
#[derive(Debug, Serialize)]
pub(crate) struct ReorderInput<'a> {
    pub id: Uuid,
    pub payment_method_token: &'a str,
}

/// The same products and addresses as in the customer's order, or why it cannot be ordered again.
pub(crate) async fn parsed(
    context: &Context<'_>,
    customer: Uuid,
    reorder: &ReorderInput<'_>,
) -> ApiResult<Result<ParsedInput, InputError>> {
    let db = context.data_unchecked::<State>().database.read();
    let row = order::by_ids(db, &[reorder.id]).await?.remove(&reorder.id);
    let row = row.ok_or_else(|| ApiError::not_found("There is no order with this id"))?;
    if row.customer_id != customer {
        return Err(ApiError::forbidden("You can only repeat your own orders"));
    }
    if !allowed_actions::allowed(row.status, false).contains(&OrderAction::Reorder) {
        return Ok(Err(InputError::new(
            UserErrorCode::OrderNotReorderable,
            "This order is not paid yet: it can be repeated once it is",
            &["id"],
        )));
    }
    let path = ["paymentMethodToken"];
    let payment_method_token = match input::payment_token(reorder.payment_method_token, &path) {
        Ok(token) => token,
        Err(error) => return Ok(Err(error)),
    };
    let items = order_item::of_orders(db, &[row.id]).await?;
    let items = items.get(&row.id).into_iter().flatten().enumerate();
    let lines = items.map(|(index, item)| ParsedLine {
        product: item.product_id,
        quantity: item.quantity,
        index,
    });
    let (shipping, billing) = (&row.shipping_address, row.billing_address.as_ref());
    Ok(Ok(ParsedInput {
        basket: Basket {
            lines: lines.collect(),
            currency: CurrencyCode::from_code(&row.local_currency_code),
            shipping_option: None,
            use_store_credit: false,
            ..input::destination(Some(shipping), billing)
        },
        shipping_address: shipping.clone(),
        billing_address: billing.cloned(),
        payment_method_token,
        language: None,
        expected_total: None,
    }))
}

/// The payload with paths of this mutation's arguments: what is wrong with the order's products concerns its id.
pub(crate) fn of_arguments(mut payload: OrderPlacePayload) -> OrderPlacePayload {
    let path = |field: Vec<String>| match field.last().map(String::as_str) {
        Some("paymentMethodToken") => vec!["paymentMethodToken".to_owned()],
        _ => vec!["id".to_owned()],
    };
    let errors = payload.user_errors.iter_mut();
    let previewed = payload.preview.iter_mut();
    let previewed = previewed.flat_map(|preview| preview.user_errors.iter_mut());
    for error in errors.chain(previewed) {
        error.field = error.field.take().map(path);
    }
    payload
}
