//! A customer who looks at their orders, then at one of them.

use serde_json::json;

use super::{Journey, is_about, some, text};
use crate::commands::load::failure::Failure;
use crate::commands::load::operations::{ACCOUNT, ORDER};
use crate::commands::load::shop::pick;

pub(super) async fn run(journey: &mut Journey<'_>) -> Result<(), Failure> {
    let token = Some(journey.customer()?.token.as_str());
    let variables = json!({ "currency": journey.context.shop.currency() });
    let orders = journey
        .request("account", &ACCOUNT, variables, token, |data| {
            some(&data, "/me/orders/nodes")
        })
        .await?;

    journey.think().await;
    let order = pick(&orders).ok_or(Failure::Unexpected("no order"))?;
    let id = text(order, "/id")?;
    let variables = json!({ "id": id });
    journey
        .request("order", &ORDER, variables, token, |data| {
            is_about(&data, "/order/id", &id)
        })
        .await
}
