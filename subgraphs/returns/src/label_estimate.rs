//! What a return's label is likely to cost: as much as the last one for a parcel like it. No carrier is asked.

use chrono::{DateTime, Utc};
use entities::returns::label_rate;
use platform::providers::easypost::Shipment;
use resolvers::ApiResult;
use resolvers::money::{CurrencyCode, Money};
use uuid::Uuid;

use crate::State;
use crate::label_rate::{self as rates, Choice, LabelRules, Requested};
use crate::product_measures;
use crate::rules::parcel::{self, Content};

/// A parcel that a customer would send.
#[derive(Clone, Debug)]
pub(crate) struct PlannedParcel {
    /// Where from, ISO 3166-1 alpha-2.
    pub country: String,
    /// Products with the units of each.
    pub products: Vec<(Uuid, i64)>,
}

/// The rate at which this shipment's label would be bought, if there is any.
pub(crate) fn seen(
    shipment: &Shipment,
    country: &str,
    pounds: i32,
    rules: &LabelRules,
    now: DateTime<Utc>,
) -> Option<label_rate::Model> {
    let (Choice::Buy(rate) | Choice::Implausible(rate)) =
        rates::choose(&shipment.rates, &Requested::default(), rules)
    else {
        return None;
    };
    Some(label_rate::Model {
        country: country.to_owned(),
        pounds,
        carrier: rate.carrier.clone(),
        service: rate.service.clone(),
        cents: rate.cents()?,
        seen_at: now,
    })
}

/// `None` as long as no label was asked for from this country.
pub(crate) async fn estimate(state: &State, planned: &PlannedParcel) -> ApiResult<Option<Money>> {
    let products: Vec<_> = planned
        .products
        .iter()
        .map(|(product, _)| *product)
        .collect();
    let known = match product_measures::load(state, &products).await {
        Ok(known) => known,
        Err(error) => {
            tracing::warn!(%error, "products not read, their weight is assumed");
            Default::default()
        }
    };
    let contents = planned.products.iter().map(|(product, units)| Content {
        units: *units,
        of: known
            .get(product)
            .map_or_else(Default::default, |known| known.measures),
    });
    let pounds = parcel::pounds(&contents.collect::<Vec<_>>());
    let rate = label_rate::nearest(state.database.read(), &planned.country, pounds).await?;
    Ok(rate.map(|rate| Money::new(rate.cents, CurrencyCode::Usd)))
}
