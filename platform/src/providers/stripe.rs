//! Stripe: payment intents, refunds, and the signatures of its webhooks.

pub mod refund_schedule;
mod webhook;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

pub use webhook::{Event, EventData, WebhookError, event};

use crate::clock::Clock;
use crate::config::Secret;
use crate::http::{ClientError, HttpClient, HttpError, Policy, Request};
use crate::json;

/// The API version whose types are used here.
const VERSION: &str = "2024-06-20";

/// Asks for the charge of a payment, which says how it can be captured.
const EXPAND_CHARGE: (&str, &str) = ("expand[]", "latest_charge");

/// Another call with the same key is in progress; its outcome will be ours.
const KEY_IN_USE: u16 = 409;

/// The Stripe client. Every call that changes something has an idempotency key, so it is safe to repeat: by the client
/// at once, and by anybody who later finds its outcome unknown.
#[derive(Clone, Debug)]
pub struct Stripe {
    http: HttpClient,
    key: Secret,
}

/// A payment to create, in minor units of its currency.
#[derive(Clone, Debug)]
pub struct NewPayment<'a> {
    pub amount: i64,
    /// ISO 4217.
    pub currency: &'a str,
    /// The payment method's token from Stripe's own form in the browser.
    pub payment_method: &'a str,
    /// Our order's id: shown in Stripe's dashboard and included in webhooks.
    pub order: &'a str,
    pub capture: CaptureMethod,
}

/// When a confirmed payment is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureMethod {
    /// At once.
    Automatic,
    /// Only authorized, until it is captured. Stripe cancels an authorization after a week.
    Manual,
}

/// A payment and its status.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PaymentIntent {
    pub id: String,
    pub status: PaymentStatus,
    /// Minor units.
    #[serde(deserialize_with = "json::deserialize_integer")]
    pub amount: i64,
    #[serde(default, deserialize_with = "json::deserialize_integer")]
    pub amount_received: i64,
    /// What is authorized and not captured yet.
    #[serde(default, deserialize_with = "json::deserialize_integer")]
    pub amount_capturable: i64,
    /// The charge, or only its id, as in webhooks.
    #[serde(default)]
    latest_charge: Option<Value>,
    /// ISO 4217 in lower case.
    pub currency: String,
    /// Lets Stripe's form have the customer confirm the payment with their bank.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// Why the last attempt to charge it failed.
    #[serde(default)]
    pub last_payment_error: Option<PaymentError>,
    #[serde(default)]
    pub metadata: HashMap<String, String>,
}

impl PaymentIntent {
    /// Whether an authorized payment can be captured in several parts. Otherwise it is captured once, and Stripe
    /// releases the rest. Only known of a payment that was read, confirmed or captured.
    pub fn is_multicapture_available(&self) -> bool {
        self.card("/multicapture/status").and_then(Value::as_str) == Some("available")
    }

    /// Until when an authorized payment can be captured, if Stripe says so.
    pub fn capture_before(&self) -> Option<DateTime<Utc>> {
        let seconds = self.card("/capture_before").and_then(Value::as_i64)?;
        DateTime::from_timestamp(seconds, 0)
    }

    /// A detail of the charged card.
    fn card(&self, path: &str) -> Option<&Value> {
        let charge = self.latest_charge.as_ref()?;
        charge
            .pointer("/payment_method_details/card")?
            .pointer(path)
    }
}

/// Why a payment method was not charged.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PaymentError {
    code: Option<String>,
    decline_code: Option<String>,
}

impl PaymentError {
    /// The most specific code: `insufficient_funds`, `expired_card`, ….
    pub fn code(&self) -> Option<&str> {
        self.decline_code.as_deref().or(self.code.as_deref())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    RequiresCapture,
    Canceled,
    Succeeded,
    /// Not known to this version.
    #[serde(other)]
    Other,
}

/// A way to pay.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PaymentMethod {
    /// The id to charge. For test tokens it differs from the token's.
    pub id: String,
    /// `card`, `paypal`, `us_bank_account`, ….
    #[serde(rename = "type")]
    pub kind: String,
    pub card: Option<Card>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Card {
    pub last4: String,
    /// The last month in which it can be charged, 1 to 12.
    #[serde(deserialize_with = "json::deserialize_integer")]
    pub exp_month: u32,
    #[serde(deserialize_with = "json::deserialize_integer")]
    pub exp_year: i32,
    pub wallet: Option<Wallet>,
}

/// The wallet that holds a card: `apple_pay`, `google_pay`, ….
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Wallet {
    #[serde(rename = "type")]
    pub kind: String,
}

/// A refund and its status.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Refund {
    pub id: String,
    pub status: RefundStatus,
    /// Minor units.
    #[serde(deserialize_with = "json::deserialize_integer")]
    pub amount: i64,
    /// ISO 4217 in lower case.
    pub currency: String,
    pub payment_intent: Option<String>,
    /// Why it failed: `expired_or_canceled_card`, `lost_or_stolen_card`, …
    #[serde(default)]
    pub failure_reason: Option<String>,
    #[serde(default)]
    pub metadata: HashMap<String, String>,
}

/// A page of a list of refunds.
#[derive(Clone, Debug, Deserialize)]
pub struct RefundPage {
    pub data: Vec<Refund>,
    #[serde(deserialize_with = "json::deserialize_flag")]
    pub has_more: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    Pending,
    RequiresAction,
    Succeeded,
    Failed,
    Canceled,
    /// Not known to this version.
    #[serde(other)]
    Other,
}

/// Why Stripe did not do what was requested.
#[derive(Debug, thiserror::Error)]
pub enum StripeError {
    /// The card or account was declined; the customer may choose another.
    #[error("the payment was declined: {code}")]
    Declined { code: String },
    /// The request is invalid, or its object is not in the right state.
    #[error("Stripe refused: {code}")]
    Refused {
        code: String,
        /// An earlier attempt may have had its effect; read before treating it as not done.
        in_doubt: bool,
    },
    #[error(transparent)]
    Http(#[from] HttpError),
}

impl Stripe {
    /// `base` is the API's address without a version: `https://api.stripe.com`.
    pub fn new(base: Url, key: Secret, clock: Clock) -> Result<Self, ClientError> {
        let policy = Policy {
            attempt_timeout: Duration::from_secs(15),
            deadline: Duration::from_secs(40),
            ..Policy::default()
        };
        let http = HttpClient::new("stripe", base, policy, clock)?;
        Ok(Self { http, key })
    }

    /// Creates a payment, which charges nothing until it is confirmed.
    pub async fn create(
        &self,
        payment: &NewPayment<'_>,
        idempotency_key: &str,
    ) -> Result<PaymentIntent, StripeError> {
        let amount = payment.amount.to_string();
        let currency = payment.currency.to_lowercase();
        let fields = [
            ("amount", amount.as_str()),
            ("currency", currency.as_str()),
            ("payment_method", payment.payment_method),
            ("automatic_payment_methods[enabled]", "true"),
            ("automatic_payment_methods[allow_redirects]", "never"),
            ("metadata[order]", payment.order),
        ];
        let manual = [
            ("capture_method", "manual"),
            (
                "payment_method_options[card][request_multicapture]",
                "if_available",
            ),
        ];
        let is_manual = payment.capture == CaptureMethod::Manual;
        let fields = fields
            .into_iter()
            .chain(manual.into_iter().filter(|_| is_manual));
        let request =
            Request::post("create_payment_intent", &["v1", "payment_intents"]).form(fields);
        self.change(request, idempotency_key).await
    }

    /// Confirms a pending payment, with another payment method if given: this charges the customer.
    pub async fn confirm(
        &self,
        id: &str,
        payment_method: Option<&str>,
        idempotency_key: &str,
    ) -> Result<PaymentIntent, StripeError> {
        let path = ["v1", "payment_intents", id, "confirm"];
        let fields = payment_method.map(|method| ("payment_method", method));
        let fields = fields.into_iter().chain([EXPAND_CHARGE]);
        let request = Request::post("confirm_payment_intent", &path).form(fields);
        self.change(request, idempotency_key).await
    }

    /// Captures this amount, in minor units, of an authorized payment. `is_last` says whether the rest is released; it
    /// may only be said if [`PaymentIntent::is_multicapture_available`], and without it the rest is released.
    pub async fn capture(
        &self,
        id: &str,
        amount: i64,
        is_last: Option<bool>,
        idempotency_key: &str,
    ) -> Result<PaymentIntent, StripeError> {
        let path = ["v1", "payment_intents", id, "capture"];
        let amount = amount.to_string();
        let is_last =
            is_last.map(|is_last| ("final_capture", if is_last { "true" } else { "false" }));
        let fields = [("amount_to_capture", amount.as_str()), EXPAND_CHARGE];
        let fields = fields.into_iter().chain(is_last);
        let request = Request::post("capture_payment_intent", &path).form(fields);
        self.change(request, idempotency_key).await
    }

    /// Cancels a payment that has not succeeded.
    pub async fn cancel(
        &self,
        id: &str,
        idempotency_key: &str,
    ) -> Result<PaymentIntent, StripeError> {
        let path = ["v1", "payment_intents", id, "cancel"];
        let request = Request::post("cancel_payment_intent", &path).form([]);
        self.change(request, idempotency_key).await
    }

    pub async fn payment(&self, id: &str) -> Result<PaymentIntent, StripeError> {
        let path = ["v1", "payment_intents", id];
        let (name, value) = EXPAND_CHARGE;
        self.read(Request::get("read_payment_intent", &path).query(name, value))
            .await
    }

    /// Resolves a token from Stripe's form. A payment method or source already exists; a card token (`tok_…`) is turned
    /// into a payment method.
    pub async fn payment_method(&self, token: &str) -> Result<PaymentMethod, StripeError> {
        if token.starts_with("tok_") {
            let request = Request::post("create_payment_method", &["v1", "payment_methods"])
                .form([("type", "card"), ("card[token]", token)]);
            // A token can be used only once.
            return self
                .change(request, &format!("payment-method-{token}"))
                .await;
        }
        let path = ["v1", "payment_methods", token];
        self.read(Request::get("read_payment_method", &path)).await
    }

    /// Refunds this amount, in minor units, of a payment; `reference` names the reason and is included in webhooks.
    pub async fn refund(
        &self,
        payment: &str,
        amount: i64,
        reference: &str,
        idempotency_key: &str,
    ) -> Result<Refund, StripeError> {
        let request = Request::post("create_refund", &["v1", "refunds"]).form([
            ("payment_intent", payment),
            ("amount", amount.to_string().as_str()),
            ("metadata[reference]", reference),
        ]);
        self.change(request, idempotency_key).await
    }

    /// The newest refunds of a payment, at most a hundred; used to settle a refund of unknown outcome.
    pub async fn refunds(&self, payment: &str) -> Result<Vec<Refund>, StripeError> {
        #[derive(Deserialize)]
        struct List {
            data: Vec<Refund>,
        }
        let request = Request::get("list_refunds", &["v1", "refunds"])
            .query("payment_intent", payment)
            .query("limit", "100");
        Ok(self.read::<List>(request).await?.data)
    }

    /// Refunds of all payments since that time, newest first: at most a hundred, starting before the refund `before` if
    /// given.
    pub async fn refunds_since(
        &self,
        since: DateTime<Utc>,
        before: Option<&str>,
    ) -> Result<RefundPage, StripeError> {
        let mut request = Request::get("list_refunds", &["v1", "refunds"])
            .query("created[gte]", since.timestamp().to_string())
            .query("limit", "100");
        if let Some(before) = before {
            request = request.query("starting_after", before);
        }
        self.read(request).await
    }

    async fn change<T: DeserializeOwned>(
        &self,
        request: Request,
        idempotency_key: &str,
    ) -> Result<T, StripeError> {
        let request = request
            .header("idempotency-key", idempotency_key)
            .idempotent()
            .retry_on(KEY_IN_USE);
        self.read(request).await
    }

    async fn read<T: DeserializeOwned>(&self, request: Request) -> Result<T, StripeError> {
        let request = request.bearer(&self.key).header("stripe-version", VERSION);
        match self.http.send(&request).await {
            Ok(response) => Ok(response.json()?),
            Err(error) => Err(refusal(error)),
        }
    }
}

/// Stripe's own error, if the response has one.
fn refusal(error: HttpError) -> StripeError {
    #[derive(Deserialize)]
    struct Body {
        error: Refused,
    }
    #[derive(Deserialize)]
    struct Refused {
        #[serde(rename = "type")]
        kind: String,
        code: Option<String>,
        decline_code: Option<String>,
    }
    let Some(rejection) = error.rejection() else {
        return error.into();
    };
    let in_doubt = rejection.in_doubt;
    match rejection.json::<Body>().map(|body| body.error) {
        Some(refused) if refused.kind == "card_error" => StripeError::Declined {
            code: refused
                .decline_code
                .or(refused.code)
                .unwrap_or(refused.kind),
        },
        // Still busy with the first call of this key after all attempts: the outcome is unknown.
        _ if rejection.status == KEY_IN_USE => error.into(),
        Some(Refused {
            code: Some(code), ..
        }) => StripeError::Refused { code, in_doubt },
        _ => error.into(),
    }
}
