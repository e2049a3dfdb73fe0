//! The simulated third parties, beside the router and standalone.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::kit::{Process, vantage};

/// The address in a line such as `Simulated at http://127.0.0.1:4100: stripe`.
fn address(line: &str) -> String {
    let (_, rest) = line.split_once("http://").unwrap();
    let end = rest.find(": ").unwrap_or(rest.len());
    format!("http://{}", &rest[..end])
}

async fn refund(sandbox: &str, intent: &str) -> (StatusCode, Value) {
    let response = reqwest::Client::new()
        .post(format!("{sandbox}/v1/refunds"))
        .bearer_auth("sk_test_journey")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("payment_intent={intent}"))
        .send()
        .await
        .unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn serve_simulates_the_third_parties_that_are_not_configured_and_they_know_the_shop() {
    let data = tempfile::tempdir().unwrap();
    let mut command = vantage(data.path());
    command
        .env("VANTAGE_DEMO__ORDERS", "60")
        .env("VANTAGE_PROVIDERS__FCM__URL", "https://fcm.example.com")
        .env("VANTAGE_PROVIDERS__FCM__ACCOUNT", "shop")
        .env("VANTAGE_PROVIDERS__FCM__KEY", "a key of a journey")
        .args(["serve", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(command).await;
    let line = process.output.next_line().await.unwrap().unwrap();
    assert!(
        line.ends_with(": easypost, stripe, dhl, fedex, ups, exchange_rates, sms, smtp"),
        "{line}"
    );
    let sandbox = address(&line);

    // A demo order was paid in this sandbox.
    let (status, refunded) = refund(&sandbox, "pi_demo_1").await;
    assert_eq!(status, 200, "{refunded}");
    assert_eq!(refunded["status"], "succeeded");
    assert!(refunded["amount"].as_i64() > Some(0));
    let (status, again) = refund(&sandbox, "pi_demo_1").await;
    assert_eq!(
        (status, &again["error"]["code"]),
        (StatusCode::BAD_REQUEST, &json!("charge_already_refunded"))
    );
    assert_eq!(process.stop().await.code(), Some(0));
}

#[tokio::test]
async fn without_a_third_party_to_simulate_there_is_no_sandbox() {
    let data = tempfile::tempdir().unwrap();
    let mut command = vantage(data.path());
    command
        .env("VANTAGE_DEMO__ORDERS", "60")
        .env("VANTAGE_SANDBOX__ENABLED", "false")
        .args(["serve", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(command).await;
    while let Some(line) = process.output.next_line().await.unwrap() {
        assert!(!line.starts_with("Simulated"), "{line}");
        // The last line of the startup banner.
        if line.contains("Token") {
            break;
        }
    }
    assert_eq!(process.stop().await.code(), Some(0));
}

#[tokio::test]
async fn the_sandbox_runs_alone_on_the_address_it_is_given() {
    let data = tempfile::tempdir().unwrap();
    let mut command = vantage(data.path());
    command.args(["sandbox", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(command).await;
    let rates = reqwest::get(format!("{}/api/latest.json?app_id=a", process.base))
        .await
        .unwrap();
    assert_eq!(rates.json::<Value>().await.unwrap()["base"], "USD");
    let taken = process.base.trim_start_matches("http://").to_owned();

    let output = vantage(data.path())
        .args(["sandbox", "--listen", &taken])
        .stderr(std::process::Stdio::piped())
        .output()
        .await
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.starts_with(&format!(
            "error: the sandbox cannot listen on {taken}; choose another with --listen"
        )),
        "{told}"
    );
    assert_eq!(process.stop().await.code(), Some(0));
}
