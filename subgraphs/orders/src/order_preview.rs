//! `orderPreview`: what `orderPlace` would charge. Nothing is written.

use async_graphql::{Enum, SimpleObject};
use chrono::{DateTime as Time, NaiveTime, TimeDelta, Utc};
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use resolvers::scalars::DateTime;
use resolvers::user_error::InputError;
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::checkout::{Checkout, PricedOption};
use crate::order_item::Product;
use crate::quote::PriceFallbackReason;
use crate::rules::line;
use crate::rules::shipping;
use crate::stock_shortage::StockShortage;

/// How a currency was chosen, the most reliable way first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum CurrencySource {
    /// The client named the currency.
    Explicit,
    /// The request's `x-vantage-currency` or `x-vantage-country` header.
    Request,
    /// The country of the shipping address.
    ShippingAddress,
    /// The country of the billing address.
    BillingAddress,
    /// The country that the request's IP address belongs to.
    IpGeolocation,
    /// No country is known, so the currency is US dollars.
    Default,
}

/// How old a rate is, counted from when it was fetched. The limits are the shop's to set; these are the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum RateFreshness {
    /// Less than 15 minutes old.
    Fresh,
    /// From 15 to 60 minutes old.
    Stale,
    /// More than 60 minutes old: the effective rate has a buffer in the customer's favour.
    VeryStale,
}

/// Whether shoppers of the country are used to prices with their tax.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum TaxDisplay {
    /// Show prices with their tax.
    Included,
    /// Show prices without tax, and the tax beside the total.
    Excluded,
}

/// What an order would cost now. Amounts are in `currency` unless stated otherwise.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct OrderPreview {
    /// A line for each product that can be priced.
    pub lines: Vec<OrderPreviewLine>,
    /// The sum of all lines, before shipping and tax.
    pub subtotal: Money,
    /// The price of shipping, which is not taxed; zero if it is free.
    pub shipping: Money,
    /// The tax on all lines.
    pub tax: Money,
    /// The amount to pay: subtotal, shipping and tax. Send it as `expectedTotal` of `orderPlace`.
    pub total: Money,
    /// The part of the total that store credit pays, with `useStoreCredit`.
    pub store_credit: Money,
    /// The part of the total that the payment method pays.
    pub amount_due: Money,
    /// The total in US dollars.
    pub total_usd: Money,
    /// The rate of all amounts; null for US dollars.
    pub exchange_rate: Option<ExchangeRateUsed>,
    /// The currency of the payment.
    pub currency: CurrencyCode,
    /// How the currency was chosen.
    pub detected_from: CurrencySource,
    /// Why the amounts are in US dollars instead of the customer's currency; null otherwise.
    pub currency_fallback: Option<PriceFallbackReason>,
    /// Whether to show prices with or without tax, by the custom of the country.
    pub tax_display: TaxDisplay,
    /// Whether the place of delivery is known. Without it, tax is missing and shipping is that of the first zone.
    pub is_complete: bool,
    /// The ways of shipping this parcel, the default one first; empty if there is nothing to send.
    pub shipping_options: Vec<ShippingOption>,
    /// The code of the way of shipping that the amounts include; null if there is nothing to send.
    pub shipping_option: Option<String>,
    /// The products of which there is less than wanted.
    pub shortages: Vec<StockShortage>,
    /// Everything that prevents the order; empty if it can be placed.
    pub user_errors: Vec<InputError>,
}

/// A line of a preview.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct OrderPreviewLine {
    /// The product.
    pub product: Product,
    /// How many units.
    pub quantity: i32,
    /// The price of a unit, without tax.
    pub unit_price: Money,
    /// The price of all units, without tax.
    pub line_total: Money,
    /// The tax on the line.
    pub tax: Money,
    /// The price of all units to show in this country: with tax if `taxDisplay` says so.
    pub display_total: Money,
    /// How many units there are.
    pub available_quantity: i32,
}

/// An exchange rate that amounts were converted at.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(shareable)]
pub(crate) struct ExchangeRateUsed {
    /// Units of the currency per US dollar.
    pub rate: Decimal,
    /// How old the rate is.
    pub freshness: RateFreshness,
    /// When the provider published the rate.
    pub as_of: DateTime,
}

/// A way of shipping a parcel.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ShippingOption {
    /// What to send as `shippingOption`, such as "standard" or "express".
    pub code: String,
    /// The name to show.
    pub name: String,
    /// Its price; zero if it is free.
    pub price: Money,
    /// How many business days it takes at least.
    pub min_business_days: i32,
    /// How many business days it takes at most.
    pub max_business_days: i32,
    /// The day on which the parcel arrives at the earliest, if it is ordered now: noon of it, in UTC.
    pub earliest_delivery: DateTime,
    /// The day on which the parcel arrives at the latest, if it is ordered now: noon of it, in UTC.
    pub latest_delivery: DateTime,
}

impl OrderPreview {
    /// The preview of this checkout, with the errors of its input before those of the checkout.
    pub(crate) fn new(
        checkout: &Checkout,
        is_complete: bool,
        tax_display: TaxDisplay,
        mut input_errors: Vec<InputError>,
        now: Time<Utc>,
    ) -> Self {
        let totals = &checkout.totals;
        let lines = checkout.quote.lines.iter().zip(&totals.taxes);
        let lines = lines.map(|(line, &tax)| {
            let unit = line.priced.unit.local;
            // A preview of lines without totals has no amounts.
            let total = line::total(unit, line.priced.quantity).map_or(0, |total| total.minor);
            let shown = match tax_display {
                TaxDisplay::Included => total.saturating_add(tax),
                TaxDisplay::Excluded => total,
            };
            OrderPreviewLine {
                product: Product {
                    id: IdKind::Product.id(line.product),
                },
                quantity: line.priced.quantity,
                unit_price: unit,
                line_total: checkout.money(total),
                tax: checkout.money(tax),
                display_total: checkout.money(shown),
                available_quantity: checkout.in_stock[&line.product],
            }
        });
        input_errors.extend(checkout.errors.iter().cloned());
        Self {
            lines: lines.collect(),
            subtotal: checkout.money(totals.subtotal),
            shipping: checkout.money(totals.shipping),
            tax: checkout.money(totals.tax),
            total: checkout.money(totals.total),
            store_credit: checkout.money(checkout.store_credit),
            amount_due: checkout.money(totals.total - checkout.store_credit),
            total_usd: Money::new(totals.total_usd, CurrencyCode::Usd),
            exchange_rate: checkout.quote.rate_used.clone(),
            currency: checkout.currency(),
            detected_from: checkout.quote.detected_from,
            currency_fallback: checkout.quote.fallback,
            tax_display,
            is_complete,
            shipping_options: checkout
                .options
                .iter()
                .map(|option| ShippingOption::new(option, checkout, now))
                .collect(),
            shipping_option: checkout.option().map(|option| option.rate.code.clone()),
            shortages: checkout.shortages.iter().map(StockShortage::from).collect(),
            user_errors: input_errors,
        }
    }
}

impl ShippingOption {
    fn new(option: &PricedOption, checkout: &Checkout, now: Time<Utc>) -> Self {
        let [least, most] = option.rate.business_days;
        let days = |days: u32| i32::try_from(days).unwrap_or(i32::MAX);
        Self {
            code: option.rate.code.clone(),
            name: option.rate.name.clone(),
            price: option.price.map_or(checkout.money(0), |price| price.local),
            min_business_days: days(least),
            max_business_days: days(most),
            earliest_delivery: delivery_day(now, least),
            latest_delivery: delivery_day(now, most),
        }
    }
}

/// Carriers promise days, not moments. Noon in UTC is on the same day nearly everywhere.
fn delivery_day(now: Time<Utc>, days: u32) -> DateTime {
    let arrival = shipping::after_business_days(now, days);
    let midnight = arrival.date_naive().and_time(NaiveTime::MIN).and_utc();
    (midnight + TimeDelta::hours(12)).into()
}
