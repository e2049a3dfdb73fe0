//! A stuck return that support solves, through the running binary, in every layout.

use serde_json::{Value, json};

use crate::kit::{Graph, layouts};
use crate::third_parties::ThirdParties;
use crate::wait::until_it;

const QUEUE: &str = "{
  supportReturns(reason: NO_SCAN, first: 100) {
    totalCount nodes { id review { reason allowedDecisions } order { customer { id email } } }
  }
}";

const DECIDE: &str = "mutation($id: ID!, $decision: ReviewDecision!, $key: String!) {
  returnReviewDecide(input: { returnId: $id, decision: $decision, note: \"lost on the way\" }, idempotencyKey: $key) {
    return { id } userErrors { code message }
  }
}";

const READ: &str = "query($id: ID!) {
  return(id: $id) { status timeline { type } review { decision isOpen } }
}";

#[tokio::test]
async fn a_stuck_return_is_solved_by_support_in_every_layout() {
    for layout in layouts() {
        let scratch = tempfile::tempdir().unwrap();
        let stripe = ThirdParties::start(scratch.path()).await;
        let mut settings = stripe.settings();
        settings.push(("VANTAGE_DEMO__ORDERS", "300".to_owned()));
        let settings: Vec<_> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let graph = Graph::start(layout, &settings, &[]).await;
        stripe.load_payments(&graph.database("orders").await).await;
        let support = graph.run(&["token", "--support"]).await;
        let support = Some(support.as_str());
        let queue = graph.query(support, QUEUE, json!({})).await;
        let queue = &queue["data"]["supportReturns"];
        let waiting = queue["totalCount"].as_u64().unwrap();
        assert!(waiting > 0, "{layout:?}: {queue}");
        let stuck = &queue["nodes"][0];
        let id = &stuck["id"];
        let decide =
            |decision: &str, key: &str| json!({ "id": id, "decision": decision, "key": key });
        let decided = graph.query(support, DECIDE, decide("REFUND", "k")).await;
        let payload = &decided["data"]["returnReviewDecide"];
        assert_eq!(payload["userErrors"], json!([]), "{layout:?}: {decided}");
        // The key decides once, and nobody decides after it.
        let again = graph.query(support, DECIDE, decide("REFUND", "k")).await;
        assert_eq!(again["data"]["returnReviewDecide"]["userErrors"], json!([]));
        let late = graph.query(support, DECIDE, decide("REJECT", "late")).await;
        let errors = &late["data"]["returnReviewDecide"]["userErrors"];
        assert_eq!(errors[0]["code"], "ALREADY_DECIDED", "{layout:?}: {late}");

        let customer = &stuck["order"]["customer"]["id"];
        let customer = graph
            .run(&["token", "--customer", customer.as_str().unwrap()])
            .await;
        let customer = Some(customer.as_str());
        let read = async || graph.query(customer, READ, json!({ "id": id })).await;
        let is_refunded = |answer: &Value| answer["data"]["return"]["status"] == "REFUND_ISSUED";
        let answer = until_it(read, is_refunded).await;
        let review = json!({ "decision": "REFUND", "isOpen": false });
        assert_eq!(answer["data"]["return"]["review"], review, "{layout:?}");
        let left = graph.query(support, QUEUE, json!({})).await;
        assert_eq!(left["data"]["supportReturns"]["totalCount"], waiting - 1);
        let denied = graph
            .query(customer, DECIDE, decide("REFUND", "mine"))
            .await;
        assert!(denied["errors"][0].is_object(), "{layout:?}: {denied}");
        assert_eq!(denied["data"]["returnReviewDecide"], Value::Null);
        graph.stop().await;
    }
}
