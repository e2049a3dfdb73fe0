//! A customer who returns an item: form, preview, creation and status. The return is cancelled in the end, so that the
//! same item can be returned again.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Journey, present, text};
use crate::commands::load::failure::Failure;
use crate::commands::load::operations::{
    RETURN, RETURN_CANCEL, RETURN_CREATE, RETURN_FORM, RETURN_PREVIEW,
};
use crate::commands::load::shop::{Returnable, pick};

pub(super) async fn run(journey: &mut Journey<'_>, returnable: &Returnable) -> Result<(), Failure> {
    let shop = &journey.context.shop;
    let customer = shop.customers.get(returnable.customer);
    let customer = customer.ok_or(Failure::Unexpected("no customer"))?;
    let token = Some(customer.token.as_str());
    let variables = json!({ "id": returnable.order });
    journey
        .request("form", &RETURN_FORM, variables, token, |data| {
            present(&data, "/order")
        })
        .await?;

    journey.think().await;
    let input = json!({
        "orderId": returnable.order,
        "items": [{
            "orderItemId": returnable.item,
            "quantity": 1,
            "condition": "UNOPENED",
            "reasonCode": pick(&shop.reasons),
        }],
    });
    let variables = json!({ "input": input });
    journey
        .request("preview", &RETURN_PREVIEW, variables, token, |data| {
            eligible(&data)
        })
        .await?;

    journey.think().await;
    let variables = json!({ "input": input, "key": Uuid::new_v4() });
    let id = journey
        .request("create", &RETURN_CREATE, variables, token, |data| {
            changed(&data, "returnCreate")
        })
        .await?;

    journey.think().await;
    let variables = json!({ "id": id });
    let status = journey
        .request("status", &RETURN, variables, token, |data| {
            text(&data, "/return/status")
        })
        .await;

    // Also if its status could not be read.
    journey.think().await;
    let variables = json!({ "id": id, "key": Uuid::new_v4() });
    let cancelled = journey
        .request("cancel", &RETURN_CANCEL, variables, token, |data| {
            changed(&data, "returnCancel")
        })
        .await;
    status?;
    cancelled.map(drop)
}

fn eligible(data: &Value) -> Result<(), Failure> {
    let preview = &data["returnPreview"];
    if preview["eligible"] == true {
        return Ok(());
    }
    // For example PAST_RETURN_WINDOW, if the window has ended since the run began.
    match text(preview, "/reasons/0/code") {
        Ok(code) => Err(Failure::User(code)),
        Err(missing) => Err(missing),
    }
}

/// The id of the return that a mutation is about.
fn changed(data: &Value, mutation: &str) -> Result<String, Failure> {
    let payload = &data[mutation];
    Failure::of_user_errors(payload)?;
    text(payload, "/return/id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_return_is_a_failure_with_its_reason() {
        let refused = json!({ "returnPreview": {
            "eligible": false, "reasons": [{ "code": "PAST_RETURN_WINDOW" }],
        } });
        let failure = eligible(&refused).unwrap_err();
        assert_eq!(failure.to_string(), "user error PAST_RETURN_WINDOW");
        assert_eq!(
            eligible(&json!({ "returnPreview": { "eligible": true } })),
            Ok(())
        );
        let created = json!({ "returnCreate": { "return": { "id": "ret_1" }, "userErrors": [] } });
        assert_eq!(changed(&created, "returnCreate").unwrap(), "ret_1");
    }
}
