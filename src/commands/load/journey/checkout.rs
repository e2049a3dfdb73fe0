//! A customer who chooses a product, previews an order of it, pays, and looks at the order.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Journey, is_about, some, text};
use crate::commands::load::failure::Failure;
use crate::commands::load::operations::{ORDER, PLACE, PREVIEW, SEARCH};
use crate::commands::load::shop::pick;

/// Products on a page.
const PAGE: u32 = 24;

pub(super) async fn run(journey: &mut Journey<'_>) -> Result<(), Failure> {
    let shop = &journey.context.shop;
    let customer = journey.customer()?;
    let token = Some(customer.token.as_str());
    let category = shop.stocked_category();
    let filters = json!({ "inStock": true, "categories": category.map(|one| vec![one]) });
    let variables =
        json!({ "query": "", "filters": filters, "first": PAGE, "currency": shop.currency() });
    let found = journey
        .request("products", &SEARCH, variables, token, |data| {
            some(&data, "/productSearch/nodes")
        })
        .await?;
    let product = pick(&found).ok_or(Failure::Unexpected("no product"))?;

    journey.think().await;
    let mut input = json!({
        "items": [{ "productId": product["id"], "quantity": 1 }],
        "shippingAddress": customer.address,
    });
    let variables = json!({ "input": input });
    let total = journey
        .request("preview", &PREVIEW, variables, token, |data| total(&data))
        .await?;

    journey.think().await;
    input["expectedTotal"] = total.clone();
    input["paymentMethodToken"] = json!(journey.context.payment_method);
    let variables = json!({ "input": input, "key": Uuid::new_v4() });
    let order = journey
        .request("place", &PLACE, variables, token, |data| {
            placed(&data, &total)
        })
        .await?;

    journey.think().await;
    let variables = json!({ "id": order });
    journey
        .request("order", &ORDER, variables, token, |data| {
            is_about(&data, "/order/id", &order)
        })
        .await
}

/// What a preview says the order costs.
fn total(data: &Value) -> Result<Value, Failure> {
    let preview = &data["orderPreview"];
    Failure::of_user_errors(preview)?;
    let total = &preview["total"];
    Ok(json!({
        "amount": text(total, "/amount")?,
        "currency": text(total, "/currency")?,
    }))
}

/// The id of the order, if it costs what was agreed to and its payment was not declined.
fn placed(data: &Value, agreed: &Value) -> Result<String, Failure> {
    let payload = &data["orderPlace"];
    Failure::of_user_errors(payload)?;
    let order = &payload["order"];
    if order["total"] != *agreed {
        return Err(Failure::Unexpected("another total"));
    }
    match order["status"].as_str() {
        Some("CONFIRMED" | "PENDING") => text(order, "/id"),
        _ => Err(Failure::Unexpected("the payment was declined")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_has_to_cost_what_was_agreed_to() {
        let total = json!({ "amount": "9.99", "currency": "USD" });
        let answer = |status: &str, amount: &str| {
            let total = json!({ "amount": amount, "currency": "USD" });
            let order = json!({ "id": "ord_1", "status": status, "total": total });
            json!({ "orderPlace": { "order": order, "userErrors": [] } })
        };
        assert_eq!(
            placed(&answer("CONFIRMED", "9.99"), &total).unwrap(),
            "ord_1"
        );
        let error = placed(&answer("CONFIRMED", "10.00"), &total).unwrap_err();
        assert_eq!(error, Failure::Unexpected("another total"));
        let error = placed(&answer("CANCELLED", "9.99"), &total).unwrap_err();
        assert_eq!(error, Failure::Unexpected("the payment was declined"));
        let refused = json!({ "orderPlace": { "userErrors": [{ "code": "OUT_OF_STOCK" }] } });
        let error = placed(&refused, &total).unwrap_err();
        assert_eq!(error, Failure::User("OUT_OF_STOCK".to_owned()));
    }
}
