//! The third parties and their paths.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{carriers, easypost, exchange_rates, fcm, stripe, twilio};

/// A third party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    Easypost,
    Stripe,
    Dhl,
    Fedex,
    Ups,
    ExchangeRates,
    Fcm,
    /// Twilio.
    Sms,
    /// The mail server, which has commands instead of paths.
    Smtp,
    /// The warehouse, which only sends webhooks.
    Fulfilment,
}

/// Path prefixes; longer ones come first.
const PATHS: [(&str, Provider); 12] = [
    ("/2010-04-01/", Provider::Sms),
    ("/v1/projects/", Provider::Fcm),
    ("/iid/", Provider::Fcm),
    ("/token", Provider::Fcm),
    ("/v1/", Provider::Stripe),
    ("/v2/", Provider::Easypost),
    ("/track/v1/", Provider::Fedex),
    ("/oauth/", Provider::Fedex),
    ("/track/", Provider::Dhl),
    ("/security/", Provider::Ups),
    ("/api/track/", Provider::Ups),
    ("/api/", Provider::ExchangeRates),
];

impl Provider {
    /// The provider that serves this path; `None` for the control API.
    pub(crate) fn of(path: &str) -> Option<Self> {
        PATHS
            .into_iter()
            .find(|(start, _)| path.starts_with(start))
            .map(|(_, provider)| provider)
    }

    /// The name in the control API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Easypost => "easypost",
            Self::Stripe => "stripe",
            Self::Dhl => "dhl",
            Self::Fedex => "fedex",
            Self::Ups => "ups",
            Self::ExchangeRates => "exchange_rates",
            Self::Fcm => "fcm",
            Self::Sms => "sms",
            Self::Smtp => "smtp",
            Self::Fulfilment => "fulfilment",
        }
    }

    /// The body of a failure with this status, in this provider's format.
    pub(crate) fn failure(self, status: u16) -> Value {
        match self {
            Self::Easypost => easypost::failure(status),
            Self::Stripe => stripe::failure(status),
            Self::Dhl => carriers::dhl::failure(status),
            Self::Fedex => carriers::fedex::failure(status),
            Self::Ups => carriers::ups::failure(status),
            Self::ExchangeRates => exchange_rates::failure(status),
            Self::Fcm => fcm::failure(status),
            Self::Sms => twilio::failure(status),
            Self::Smtp | Self::Fulfilment => json!({"error": reason(status)}),
        }
    }
}

/// The HTTP reason phrase of an injected status.
pub(crate) fn reason(status: u16) -> &'static str {
    axum::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Error")
}

/// An error body shared by two of the carriers.
pub(crate) fn coded_errors(code: &str, message: &str) -> Value {
    json!([{"code": code, "message": message}])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_api_keeps_its_real_paths_on_one_address() {
        for (path, provider) in [
            ("/v1/payment_intents", Some(Provider::Stripe)),
            ("/v1/projects/shop/messages:send", Some(Provider::Fcm)),
            ("/iid/v1:batchAdd", Some(Provider::Fcm)),
            (
                "/2010-04-01/Accounts/AC1/Messages.json",
                Some(Provider::Sms),
            ),
            ("/v2/shipments", Some(Provider::Easypost)),
            ("/track/shipments", Some(Provider::Dhl)),
            ("/track/v1/trackingnumbers", Some(Provider::Fedex)),
            ("/oauth/token", Some(Provider::Fedex)),
            ("/security/v1/oauth/token", Some(Provider::Ups)),
            ("/api/track/v1/details/1Z", Some(Provider::Ups)),
            ("/api/latest.json", Some(Provider::ExchangeRates)),
            ("/_control/calls", None),
            ("/labels/shp_1.pdf", None),
        ] {
            assert_eq!(Provider::of(path), provider, "{path}");
        }
    }
}
