//! Parses mutation inputs before other domains or the provider are called.

use entities::orders::order::Address;
use resolvers::id::IdKind;
use resolvers::money::CurrencyCode;
use resolvers::user_error::{InputError, UserErrorCode};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::checkout_rates::CheckoutRates;
use crate::order_place_input::{AddressInput, OrderPlaceInput, OrderPlaceItemInput};
use crate::order_preview_input::OrderPreviewInput;
use crate::payment_method_details::is_token;
use crate::rules::address;

/// Maximum number of lines in one order.
const MAX_LINES: usize = 50;
/// Maximum number of units of one product.
const MAX_QUANTITY: i32 = 99;
/// Maximum length of a part of an address, in characters.
const MAX_TEXT: usize = 200;
/// Maximum length of a reason, in characters.
const MAX_REASON: usize = 500;

/// What is ordered, and what determines its price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Basket {
    /// Products are unique.
    pub lines: Vec<ParsedLine>,
    pub currency: Option<CurrencyCode>,
    /// The destination, if it is known: ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Its state or province, where the tax depends on it.
    pub region: Option<String>,
    pub billing_country: Option<String>,
    /// The code of a way of shipping.
    pub shipping_option: Option<String>,
    pub use_store_credit: bool,
}

/// The parsed input of `orderPlace`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParsedInput {
    pub basket: Basket,
    pub shipping_address: Address,
    pub billing_address: Option<Address>,
    pub payment_method_token: String,
    /// The language in which the customer places the order, if it is known.
    pub language: Option<String>,
    /// What the customer has agreed to pay, if they said so.
    pub expected_total: Option<(Decimal, CurrencyCode)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ParsedLine {
    pub product: Uuid,
    /// At least 1.
    pub quantity: i32,
    /// The index of the product's first mention in the input.
    pub index: usize,
}

/// Parses the input, or returns all of its errors.
pub(crate) fn parse(
    input: &OrderPlaceInput,
    rates: &CheckoutRates,
) -> Result<ParsedInput, Vec<InputError>> {
    let mut errors = Vec::new();
    let lines = lines(&input.items, &mut errors);
    let shipping_address = shipping(&input.shipping_address, rates, &mut errors);
    let billing_address = input.billing_address.as_ref();
    let billing_address = billing_address.map(|given| billing(given, &mut errors));
    let token = payment_token(
        &input.payment_method_token,
        &["input", "paymentMethodToken"],
    );
    let token = token.map_err(|error| errors.push(error));
    let (Ok(payment_method_token), true) = (token, errors.is_empty()) else {
        return Err(errors);
    };
    Ok(ParsedInput {
        basket: Basket {
            lines,
            currency: input.currency,
            shipping_option: code(input.shipping_option.as_deref()),
            use_store_credit: input.use_store_credit,
            ..destination(Some(&shipping_address), billing_address.as_ref())
        },
        shipping_address,
        billing_address,
        payment_method_token,
        language: None,
        expected_total: input
            .expected_total
            .as_ref()
            .map(|total| (total.amount.0, total.currency)),
    })
}

/// The valid parts of a preview's input, and all of its errors.
pub(crate) fn parse_preview(
    input: &OrderPreviewInput,
    rates: &CheckoutRates,
) -> (Basket, Vec<InputError>) {
    let mut errors = Vec::new();
    let lines = lines(&input.items, &mut errors);
    let shipping_address = input.shipping_address.as_ref();
    let shipping_address = shipping_address.map(|given| shipping(given, rates, &mut errors));
    let billing_address = input.billing_address.as_ref();
    let billing_address = billing_address.map(|given| billing(given, &mut errors));
    let basket = Basket {
        lines,
        currency: input.currency,
        shipping_option: code(input.shipping_option.as_deref()),
        use_store_credit: input.use_store_credit,
        ..destination(shipping_address.as_ref(), billing_address.as_ref())
    };
    (basket, errors)
}

/// The part of a basket that its addresses determine.
pub(crate) fn destination(shipping: Option<&Address>, billing: Option<&Address>) -> Basket {
    let country = |of: Option<&Address>| {
        let code = &of?.country_code;
        address::country(code).is_some().then(|| code.clone())
    };
    Basket {
        country: country(shipping),
        region: shipping.and_then(|address| address.region.clone()),
        billing_country: country(billing),
        ..Basket::default()
    }
}

fn code(given: Option<&str>) -> Option<String> {
    let given = given.map(str::trim).filter(|code| !code.is_empty());
    given.map(str::to_owned)
}

fn shipping(given: &AddressInput, rates: &CheckoutRates, errors: &mut Vec<InputError>) -> Address {
    let mut address = text_of(given, "shippingAddress", errors);
    check_place(&address, "shippingAddress", errors);
    // Tax depends on the place of delivery.
    if rates.taxes_by_region(&address.country_code) {
        taxed_region(&mut address, "shippingAddress", errors);
    }
    address
}

fn billing(given: &AddressInput, errors: &mut Vec<InputError>) -> Address {
    let address = text_of(given, "billingAddress", errors);
    check_place(&address, "billingAddress", errors);
    address
}

/// A token of the payment provider, in the argument at this path.
pub(crate) fn payment_token(given: &str, path: &[&str]) -> Result<String, InputError> {
    let token = given.trim();
    if is_token(token) {
        return Ok(token.to_owned());
    }
    // The text is not repeated: it may be a card number.
    Err(InputError::new(
        UserErrorCode::InvalidPaymentMethod,
        "Send the token from the payment provider's form: it begins with pm_, tok_ or src_",
        path,
    ))
}

fn lines(items: &[OrderPlaceItemInput], errors: &mut Vec<InputError>) -> Vec<ParsedLine> {
    if items.is_empty() || items.len() > MAX_LINES {
        errors.push(InputError::new(
            UserErrorCode::InvalidItems,
            format!("An order must have 1 to {MAX_LINES} items"),
            &["input", "items"],
        ));
        return Vec::new();
    }
    let mut lines: Vec<ParsedLine> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let place = index.to_string();
        let Some(product) = IdKind::Product.parse(&item.product_id) else {
            errors.push(InputError::new(
                UserErrorCode::InvalidId,
                "The product id is not valid",
                &["input", "items", &place, "productId"],
            ));
            continue;
        };
        let before = lines.iter().position(|line| line.product == product);
        let units_before = before.map_or(0, |position| lines[position].quantity);
        if !(1..=MAX_QUANTITY - units_before).contains(&item.quantity) {
            errors.push(InputError::new(
                UserErrorCode::InvalidQuantity,
                format!("The quantity of a product must be 1 to {MAX_QUANTITY}"),
                &["input", "items", &place, "quantity"],
            ));
            continue;
        }
        match before {
            Some(position) => lines[position].quantity += item.quantity,
            None => lines.push(ParsedLine {
                product,
                quantity: item.quantity,
                index,
            }),
        }
    }
    lines
}

/// The normalized parts of an address; missing or overlong parts are errors.
fn text_of(given: &AddressInput, of: &str, errors: &mut Vec<InputError>) -> Address {
    let mut text = |value: &str, field: &str, is_needed: bool| {
        let value = value.trim();
        if (is_needed && value.is_empty()) || value.chars().count() > MAX_TEXT {
            errors.push(InputError::new(
                UserErrorCode::InvalidAddress,
                if value.is_empty() {
                    "This part of the address is missing".to_owned()
                } else {
                    format!("This part of the address must have at most {MAX_TEXT} characters")
                },
                &["input", of, field],
            ));
        }
        value.to_owned()
    };
    // An unknown country is an error of its own.
    let country_code = given.country_code.trim().to_uppercase();
    let has_postal_codes =
        address::country(&country_code).is_none_or(|country| address::has_postal_codes(&country));
    let optional = |value: String| Some(value).filter(|value| !value.is_empty());
    Address {
        name: text(&given.name, "name", true),
        line1: text(&given.line1, "line1", true),
        line2: optional(text(
            given.line2.as_deref().unwrap_or_default(),
            "line2",
            false,
        )),
        city: text(&given.city, "city", true),
        region: optional(text(
            given.region.as_deref().unwrap_or_default(),
            "region",
            false,
        )),
        postal_code: text(&given.postal_code, "postalCode", has_postal_codes),
        country_code,
    }
}

/// Rejects an unknown country and a postal code in the wrong format.
fn check_place(address: &Address, of: &str, errors: &mut Vec<InputError>) {
    let Some(country) = address::country(&address.country_code) else {
        let message = "There is no such country: use its two-letter code, such as DE";
        errors.push(invalid_address(message.to_owned(), of, "countryCode"));
        return;
    };
    let postal_code = &address.postal_code;
    if !postal_code.is_empty() && !address::is_postal_code(&country, postal_code) {
        let message = format!("This is not a postal code of {}", country.long_name);
        errors.push(invalid_address(message, of, "postalCode"));
    }
}

/// Replaces the region by its code, or rejects it if it is not a region of the country, or not that of the postal code.
fn taxed_region(address: &mut Address, of: &str, errors: &mut Vec<InputError>) {
    let Some(country) = address::country(&address.country_code) else {
        return;
    };
    let given = address.region.as_deref().unwrap_or_default();
    match address::region(&country, given) {
        Some(code)
            if address::is_postal_code(&country, &address.postal_code)
                && !address::is_in_region(&country, &address.postal_code, code) =>
        {
            let postal_code = &address.postal_code;
            let message = format!(
                "The postal code {postal_code} is not in {code}: check the region and the postal code"
            );
            errors.push(invalid_address(message, of, "postalCode"));
        }
        Some(code) => address.region = Some(code.to_owned()),
        None => {
            let message = if given.is_empty() {
                "The state or province is missing, and the tax depends on it".to_owned()
            } else {
                let name = country.long_name;
                format!(
                    "This is not a state, province or territory of {name}: use its code or name"
                )
            };
            errors.push(invalid_address(message, of, "region"));
        }
    }
}

fn invalid_address(message: String, of: &str, field: &str) -> InputError {
    InputError::new(
        UserErrorCode::InvalidAddress,
        message,
        &["input", of, field],
    )
}

/// The cancellation reason to store; a blank one counts as none.
pub(crate) fn reason(given: Option<&str>) -> Result<Option<String>, InputError> {
    let reason = given.map(str::trim).filter(|reason| !reason.is_empty());
    if reason.is_some_and(|reason| reason.chars().count() > MAX_REASON) {
        return Err(InputError::new(
            UserErrorCode::InvalidReason,
            format!("The reason must have at most {MAX_REASON} characters"),
            &["reason"],
        ));
    }
    Ok(reason.map(str::to_owned))
}

#[cfg(test)]
mod tests;
