//! EasyPost: shipments, the labels bought for them, and the trackers of its webhooks.

#[cfg(test)]
mod tests;
pub mod tracker;

use std::time::Duration;

use bytes::Bytes;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use crate::clock::Clock;
use crate::config::Secret;
use crate::database::Database;
use crate::http::{
    Call, ClientError, HttpClient, HttpError, Policy, Rate as CallRate, Request, Response,
};

/// EasyPost allows 100 calls a minute; the rest is reserved for people.
const CALLS: CallRate = CallRate {
    count: 80,
    per: Duration::from_secs(60),
    burst: 20,
};

/// Calls EasyPost.
#[derive(Clone, Debug)]
pub struct Easypost {
    http: HttpClient,
    key: Secret,
}

/// An address in EasyPost's format: states and countries as codes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Address {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    pub street1: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street2: Option<String>,
    pub city: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    pub zip: String,
    pub country: String,
    /// Carriers require it across borders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// A parcel's weight in ounces, and its length, width and height in inches if they are known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parcel {
    pub ounces: Decimal,
    pub inches: Option<[Decimal; 3]>,
}

/// What customs authorities want to know of a parcel that crosses a border.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CustomsInfo {
    /// `returned_goods`, `merchandise`, ….
    pub contents_type: &'static str,
    pub contents_explanation: String,
    pub restriction_type: &'static str,
    /// What to do if it cannot be delivered: `return` or `abandon`.
    pub non_delivery_option: &'static str,
    /// The exemption from an export declaration, or its number.
    pub eel_pfc: &'static str,
    pub customs_certify: bool,
    /// Who certifies that this is right.
    pub customs_signer: String,
    pub customs_items: Vec<CustomsItem>,
}

/// A line of a customs declaration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CustomsItem {
    pub description: String,
    pub quantity: i64,
    /// What all units are worth, in `currency`.
    #[serde(serialize_with = "as_number")]
    pub value: Decimal,
    /// ISO 4217.
    pub currency: String,
    /// Of all units, in ounces.
    #[serde(serialize_with = "as_number")]
    pub weight: Decimal,
    /// The class in the Harmonized System.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hs_tariff_number: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub origin_country: String,
}

/// A return to create: the addresses are those of the outward shipment, and EasyPost switches them.
#[derive(Clone, Debug)]
pub struct NewReturn<'a> {
    pub warehouse: &'a Address,
    pub customer: &'a Address,
    pub parcel: Parcel,
    /// Required if the addresses are in different countries.
    pub customs: Option<&'a CustomsInfo>,
    pub reference: &'a str,
}

/// A parcel from a customer to the warehouse, with the carriers' rates for it. Free until a rate is bought.
#[derive(Clone, Debug, Deserialize)]
pub struct Shipment {
    pub id: String,
    pub rates: Vec<Rate>,
    #[serde(default)]
    tracking_code: Option<String>,
    #[serde(default)]
    postage_label: Option<PostageLabel>,
    #[serde(default)]
    selected_rate: Option<Rate>,
}

/// A carrier's offered rate.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Rate {
    pub id: String,
    pub carrier: String,
    pub service: String,
    /// A decimal amount in `currency`.
    pub rate: Decimal,
    pub currency: String,
}

#[derive(Clone, Debug, Deserialize)]
struct PostageLabel {
    label_url: Url,
}

/// A label that was bought.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    pub shipment: String,
    pub tracking_code: String,
    pub rate: Rate,
    /// The file's address at EasyPost.
    pub url: Url,
}

/// Why there is no label.
#[derive(Debug, thiserror::Error)]
pub enum EasypostError {
    /// The request is invalid, such as an address that no carrier can find.
    #[error("EasyPost refused with {status}: {code}")]
    Refused {
        code: String,
        status: u16,
        /// An earlier attempt may have had its effect; read the shipment before treating it as not done.
        in_doubt: bool,
    },
    #[error("the label of {0} was bought, but its tracking code or file is missing")]
    Incomplete(String),
    #[error("the label's address is not usable")]
    LabelUrl(#[source] ClientError),
    #[error(transparent)]
    Http(#[from] HttpError),
}

impl Rate {
    /// The price in cents, rounded up.
    pub fn cents(&self) -> Option<i64> {
        (self.rate * Decimal::ONE_HUNDRED).ceil().to_i64()
    }
}

impl Easypost {
    /// `base` is the API's address without a version: `https://api.easypost.com`. `counted_in` is the database in which
    /// calls are counted across processes; without it, this process counts alone.
    pub fn new(
        base: Url,
        key: Secret,
        clock: Clock,
        counted_in: Option<Database>,
    ) -> Result<Self, ClientError> {
        let policy = Policy {
            attempt_timeout: Duration::from_secs(20),
            deadline: Duration::from_secs(120),
            rate: Some(CALLS),
            rate_shared_in: counted_in,
            ..Policy::default()
        };
        let http = HttpClient::new("easypost", base, policy, clock)?;
        Ok(Self { http, key })
    }

    /// Gets the carriers' rates for a parcel from the customer to the warehouse. Safe to repeat.
    pub async fn create_return(&self, new: &NewReturn<'_>) -> Result<Shipment, EasypostError> {
        // EasyPost takes weights as numbers, to a tenth of an ounce.
        let mut parcel = json!({"weight": tenths(new.parcel.ounces)});
        if let Some(inches) = new.parcel.inches {
            let [length, width, height] = inches.map(tenths);
            parcel["length"] = length.into();
            parcel["width"] = width.into();
            parcel["height"] = height.into();
        }
        let mut shipment = json!({
            "from_address": new.warehouse,
            "to_address": new.customer,
            "is_return": true,
            "parcel": parcel,
            "options": {"label_format": "PDF", "label_size": "4x6"},
            "reference": new.reference,
        });
        if let Some(customs) = new.customs {
            shipment["customs_info"] = json!(customs);
        }
        let request = Request::post("create_shipment", &["v2", "shipments"])
            .json(&json!({ "shipment": shipment }))
            .idempotent();
        Ok(self.send(request).await?.json()?)
    }

    /// A shipment's current state, with its label if bought.
    pub async fn shipment(&self, id: &str) -> Result<Shipment, EasypostError> {
        let request = Request::get("read_shipment", &["v2", "shipments", id]);
        Ok(self.send(request).await?.json()?)
    }

    /// Buys a rate of a shipment. A shipment is bought at most once, so this may be repeated when the outcome is
    /// unknown, and returns the label that was already bought.
    pub async fn buy(&self, shipment: &str, rate: &str) -> Result<Label, EasypostError> {
        let request = Request::post("buy_shipment", &["v2", "shipments", shipment, "buy"])
            .json(&json!({"rate": {"id": rate}}))
            .idempotent();
        let bought = match self.send(request).await {
            Err(EasypostError::Refused { code, .. }) if code == "SHIPMENT.POSTAGE.EXISTS" => {
                self.shipment(shipment).await?
            }
            other => other?.json()?,
        };
        bought.label()
    }

    /// Voids an unused label; EasyPost refunds it when the carrier has confirmed.
    pub async fn void(&self, shipment: &str) -> Result<(), EasypostError> {
        let request =
            Request::post("void_label", &["v2", "shipments", shipment, "refund"]).idempotent();
        self.send(request).await.map(drop)
    }

    /// Downloads the label's file: a PDF of 4×6 inches.
    pub async fn download(&self, label: &Label) -> Result<Bytes, EasypostError> {
        // Another host than the API's: no key and no API rate limit.
        let files = self
            .http
            .for_host("easypost_files", label.url.clone(), Policy::default())
            .map_err(EasypostError::LabelUrl)?;
        let operation = "download_label";
        let response = files.send(&Request::get(operation, &[])).await?;
        if !response.body().starts_with(b"%PDF-") {
            let call = Call {
                provider: "easypost_files",
                operation,
            };
            let what = "no PDF".to_owned();
            let in_doubt = false;
            return Err(HttpError::Malformed {
                call,
                what,
                in_doubt,
            }
            .into());
        }
        Ok(response.body().clone())
    }

    async fn send(&self, request: Request) -> Result<Response, EasypostError> {
        #[derive(Deserialize)]
        struct Body {
            error: Refused,
        }
        #[derive(Deserialize)]
        struct Refused {
            code: String,
        }
        self.http
            .send(&request.key(&self.key))
            .await
            .map_err(|error| {
                let refused = error.rejection().and_then(|rejection| {
                    let code = rejection.json::<Body>()?.error.code;
                    Some(EasypostError::Refused {
                        code,
                        status: rejection.status,
                        in_doubt: rejection.in_doubt,
                    })
                });
                refused.unwrap_or(EasypostError::Http(error))
            })
    }
}

impl EasypostError {
    /// Whether repeating the request would give the same answer.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                status: 400 | 422,
                in_doubt: false,
                ..
            }
        )
    }
}

impl Shipment {
    pub fn is_bought(&self) -> bool {
        self.postage_label.is_some()
    }

    /// The label that was bought.
    pub fn label(self) -> Result<Label, EasypostError> {
        match (self.tracking_code, self.selected_rate, self.postage_label) {
            (Some(tracking_code), Some(rate), Some(label)) => Ok(Label {
                shipment: self.id,
                tracking_code,
                rate,
                url: label.label_url,
            }),
            _ => Err(EasypostError::Incomplete(self.id)),
        }
    }
}

/// A weight or length as the JSON number EasyPost takes, rounded up to a tenth.
fn tenths(measure: Decimal) -> serde_json::Number {
    let tenths = (measure * Decimal::TEN).ceil().to_u64().unwrap_or(1).max(1);
    // A float is exact enough for a tenth.
    let measure = tenths as f64 / 10.0;
    serde_json::Number::from_f64(measure).unwrap_or_else(|| tenths.div_ceil(10).into())
}

/// EasyPost takes numbers, not texts.
fn as_number<S: serde::Serializer>(number: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    let text = number.normalize().to_string();
    let number: serde_json::Number = text.parse().map_err(serde::ser::Error::custom)?;
    number.serialize(serializer)
}
