//! What an order costs and whether it can be placed: the same for `orderPreview`, `orderPlace` and `orderReorder`. Nothing
//! is written.

use std::collections::HashMap;

use entities::orders::{stock_level, store_credit_balance};
use platform::caller::Caller;
use resolvers::ApiResult;
use resolvers::money::{CurrencyCode, Money};
use resolvers::user_error::{InputError, UserErrorCode};
use uuid::Uuid;

use crate::State;
use crate::input::Basket;
use crate::quote::{self, Quote};
use crate::rules::checkout;
use crate::rules::shipping;
use crate::rules::stock::Shortage;
use crate::rules::store_credit;
use crate::rules::totals::{self, Price, Totals};
use crate::shipping_rates::ShippingRate;
use crate::stock_shortage;

/// An order as it would be placed now.
#[derive(Clone, Debug)]
pub(crate) struct Checkout {
    pub quote: Quote,
    pub totals: Totals,
    /// Units in stock of each product of the quote.
    pub in_stock: HashMap<Uuid, i32>,
    pub shortages: Vec<Shortage>,
    /// For this parcel; empty if there is none.
    pub options: Vec<PricedOption>,
    /// The position of the chosen option.
    pub chosen: usize,
    /// The part of the total that store credit pays.
    pub store_credit: i64,
    /// Everything that prevents the order.
    pub errors: Vec<InputError>,
}

/// A way of shipping this parcel.
#[derive(Clone, Debug)]
pub(crate) struct PricedOption {
    pub rate: ShippingRate,
    /// `None` if it is free.
    pub price: Option<Price>,
}

impl Checkout {
    /// The way of shipping; `None` for an order without a parcel.
    pub(crate) fn option(&self) -> Option<&PricedOption> {
        self.options.get(self.chosen)
    }

    pub(crate) fn currency(&self) -> CurrencyCode {
        self.quote.currency
    }

    pub(crate) fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency())
    }
}

/// Quotes the basket. Errors of its input are not repeated.
pub(crate) async fn check_out(
    state: &State,
    caller: &Caller,
    customer: Uuid,
    basket: &Basket,
) -> ApiResult<Checkout> {
    let products: Vec<Uuid> = basket.lines.iter().map(|line| line.product).collect();
    let levels = async {
        let levels = stock_level::of_products(state.database.read(), &products).await;
        levels.map_err(resolvers::ApiError::from)
    };
    let (mut quote, levels) = futures::try_join!(quote::fetch(state, caller, basket), levels)?;
    let in_stock: HashMap<Uuid, i32> = quote
        .lines
        .iter()
        .map(|line| {
            let level = levels.get(&line.product);
            let available = level.map_or(line.catalog_quantity, |level| level.available);
            (line.product, available)
        })
        .collect();
    let shortages: Vec<Shortage> = quote
        .lines
        .iter()
        .filter_map(|line| {
            let available = in_stock[&line.product];
            (line.priced.quantity > available).then_some(Shortage {
                product: line.product,
                wanted: line.priced.quantity,
                available,
            })
        })
        .collect();
    let mut errors = std::mem::take(&mut quote.errors);
    errors.extend(stock_shortage::errors(&basket.lines, &shortages));
    let options = options(state, basket, &quote);
    let choice = choose(basket, &quote, &options);
    let chosen = *choice.as_ref().unwrap_or(&0);
    let shipping = options.get(chosen).and_then(|option| option.price);
    let totals = totals(state, basket, &quote, shipping).unwrap_or_else(|error| {
        // A total without its shipping says nothing.
        if !quote.lines.is_empty() && choice.is_ok() {
            errors.push(error);
        }
        Totals::zero(quote.lines.len())
    });
    errors.extend(choice.err());
    let store_credit = match basket.use_store_credit {
        true => {
            let (db, currency) = (state.database.read(), quote.currency.as_str());
            let balance = store_credit_balance::balance(db, customer, currency).await?;
            store_credit::spendable(&totals, balance)
        }
        false => 0,
    };
    Ok(Checkout {
        quote,
        totals,
        in_stock,
        shortages,
        options,
        chosen,
        store_credit,
        errors,
    })
}

/// The ways of shipping the quoted products.
fn options(state: &State, basket: &Basket, quote: &Quote) -> Vec<PricedOption> {
    let rates = &state.checkout_rates.shipping;
    if !checkout::is_shipped(quote.lines.iter().map(|line| line.restriction)) {
        return Vec::new();
    }
    let lines: Vec<_> = quote.lines.iter().map(|line| line.priced).collect();
    let subtotal = totals::subtotal_usd(&lines);
    let parcel = quote
        .lines
        .iter()
        .filter(|line| checkout::is_shipped([line.restriction]));
    let parcel = parcel.map(|line| (line.weight_grams, line.priced.quantity));
    let grams = shipping::weight(parcel, rates.default_weight_grams);
    let mut charges = quote.charges.iter();
    let options = rates.options(basket.country.as_deref()).iter();
    let options = options.filter_map(|rate| {
        // A charge for each step of each option, in their order.
        let prices: Vec<Price> = charges.by_ref().take(rate.steps.len()).copied().collect();
        let price = *prices.get(shipping::step(&rate.steps, grams)?)?;
        let is_free = rate
            .free_from
            .is_some_and(|from| subtotal.is_none_or(|subtotal| subtotal >= from));
        Some(PricedOption {
            rate: rate.clone(),
            price: (!is_free).then_some(price),
        })
    });
    options.collect()
}

/// The position of the requested option, or of the default one.
fn choose(basket: &Basket, quote: &Quote, options: &[PricedOption]) -> Result<usize, InputError> {
    if options.is_empty() {
        if !checkout::is_shipped(quote.lines.iter().map(|line| line.restriction)) {
            return Ok(0);
        }
        return Err(InputError::new(
            UserErrorCode::ShippingNotAvailable,
            "These products cannot be sent to this country in one parcel",
            &["input", "shippingAddress", "countryCode"],
        ));
    }
    let Some(code) = &basket.shipping_option else {
        return Ok(0);
    };
    let position = options.iter().position(|option| option.rate.code == *code);
    position.ok_or_else(|| {
        let codes: Vec<_> = options
            .iter()
            .map(|option| option.rate.code.as_str())
            .collect();
        InputError::new(
            UserErrorCode::ShippingNotAvailable,
            format!("This parcel can be sent by: {}", codes.join(", ")),
            &["input", "shippingOption"],
        )
    })
}

/// The totals at the place of delivery, or why they cannot be ordered.
fn totals(
    state: &State,
    basket: &Basket,
    quote: &Quote,
    shipping: Option<Price>,
) -> Result<Totals, InputError> {
    let lines: Vec<_> = quote.lines.iter().map(|line| line.priced).collect();
    let tax = basket.country.as_deref().map(|country| {
        let rates = &state.checkout_rates;
        rates.tax_percent(country, basket.region.as_deref())
    });
    totals::add_up(&lines, shipping, tax.unwrap_or_default())
        .filter(checkout::is_payable)
        .ok_or_else(|| {
            InputError::new(
                UserErrorCode::OrderTotalNotPayable,
                checkout::PAYABLE,
                &["input", "items"],
            )
        })
}
