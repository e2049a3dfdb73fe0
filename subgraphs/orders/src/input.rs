//! Parses mutation inputs before other domains or the provider are called.

use entities::orders::order::Address;
use resolvers::id::IdKind;
use resolvers::money::CurrencyCode;
use resolvers::user_error::{InputError, UserErrorCode};
use uuid::Uuid;

use crate::checkout_rates::CheckoutRates;
use crate::order_place_input::{AddressInput, OrderPlaceInput};
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

/// The parsed input of `orderPlace`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParsedInput {
    /// Products are unique.
    pub lines: Vec<ParsedLine>,
    pub currency: Option<CurrencyCode>,
    pub shipping_address: Address,
    pub billing_address: Option<Address>,
    pub payment_method_token: String,
    /// The language in which the customer places the order, if it is known.
    pub language: Option<String>,
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
    let lines = lines(input, &mut errors);
    let mut shipping_address = text_of(&input.shipping_address, "shippingAddress", &mut errors);
    check_place(&shipping_address, "shippingAddress", &mut errors);
    // Tax depends on the place of delivery.
    if rates.taxes_by_region(&shipping_address.country_code) {
        taxed_region(&mut shipping_address, "shippingAddress", &mut errors);
    }
    let billing_address = input.billing_address.as_ref().map(|given| {
        let address = text_of(given, "billingAddress", &mut errors);
        check_place(&address, "billingAddress", &mut errors);
        address
    });
    let token = input.payment_method_token.trim();
    if !is_token(token) {
        // The text is not repeated: it may be a card number.
        errors.push(InputError::new(
            UserErrorCode::InvalidPaymentMethod,
            "Send the token from the payment provider's form: it begins with pm_, tok_ or src_",
            &["input", "paymentMethodToken"],
        ));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(ParsedInput {
        lines,
        currency: input.currency,
        shipping_address,
        billing_address,
        payment_method_token: token.to_owned(),
        language: None,
    })
}

fn lines(input: &OrderPlaceInput, errors: &mut Vec<InputError>) -> Vec<ParsedLine> {
    if input.items.is_empty() || input.items.len() > MAX_LINES {
        errors.push(InputError::new(
            UserErrorCode::InvalidItems,
            format!("An order must have 1 to {MAX_LINES} items"),
            &["input", "items"],
        ));
        return Vec::new();
    }
    let mut lines: Vec<ParsedLine> = Vec::with_capacity(input.items.len());
    for (index, item) in input.items.iter().enumerate() {
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
mod tests {
    use async_graphql::ID;

    use super::*;
    use crate::order_place_input::OrderPlaceItemInput;

    fn product(number: u128) -> ID {
        IdKind::Product.id(Uuid::from_u128(number))
    }

    fn item(product_id: ID, quantity: i32) -> OrderPlaceItemInput {
        OrderPlaceItemInput {
            product_id,
            quantity,
        }
    }

    fn input(items: Vec<OrderPlaceItemInput>) -> OrderPlaceInput {
        OrderPlaceInput {
            items,
            currency: None,
            shipping_address: AddressInput {
                name: " Ada Lovelace ".to_owned(),
                line1: "12 St James's Square".to_owned(),
                line2: Some("  ".to_owned()),
                city: "London".to_owned(),
                region: None,
                postal_code: "SW1Y 4JH".to_owned(),
                country_code: "gb".to_owned(),
            },
            billing_address: None,
            payment_method_token: "pm_card_visa".to_owned(),
        }
    }

    /// Code and field of each error.
    fn errors(input: &OrderPlaceInput) -> Vec<(String, String)> {
        let errors = parse(input, &CheckoutRates::default()).unwrap_err();
        let field = |error: &InputError| error.field.clone().unwrap().join(".");
        errors
            .iter()
            .map(|error| (error.code.as_str().to_owned(), field(error)))
            .collect()
    }

    #[test]
    fn a_product_named_twice_is_one_line_and_an_address_is_tidied() {
        let given = input(vec![
            item(product(1), 2),
            item(product(2), 1),
            item(product(1), 97),
        ]);
        let parsed = parse(&given, &CheckoutRates::default()).unwrap();
        let lines: Vec<_> = parsed
            .lines
            .iter()
            .map(|line| (line.product.as_u128(), line.quantity, line.index))
            .collect();
        assert_eq!(lines, [(1, 99, 0), (2, 1, 1)]);
        let address = parsed.shipping_address;
        assert_eq!(
            (
                address.name.as_str(),
                address.country_code.as_str(),
                address.line2
            ),
            ("Ada Lovelace", "GB", None)
        );
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once_with_its_place() {
        let mut given = input(vec![
            item(product(1), 0),
            item(product(1), -1),
            item(product(2), 100),
            item(product(3), 99),
            item(product(3), 1),
            item("ord_1".into(), 1),
        ]);
        given.shipping_address.city = " ".to_owned();
        given.shipping_address.line1 = "x".repeat(201);
        given.billing_address = Some(AddressInput {
            country_code: "Germany".to_owned(),
            ..given.shipping_address.clone()
        });
        given.payment_method_token = "4242 4242 4242 4242".to_owned();
        let told = errors(&given);
        let told: Vec<_> = told
            .iter()
            .map(|(code, field)| (code.as_str(), field.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("INVALID_QUANTITY", "input.items.0.quantity"),
                ("INVALID_QUANTITY", "input.items.1.quantity"),
                ("INVALID_QUANTITY", "input.items.2.quantity"),
                ("INVALID_QUANTITY", "input.items.4.quantity"),
                ("INVALID_ID", "input.items.5.productId"),
                ("INVALID_ADDRESS", "input.shippingAddress.line1"),
                ("INVALID_ADDRESS", "input.shippingAddress.city"),
                ("INVALID_ADDRESS", "input.billingAddress.line1"),
                ("INVALID_ADDRESS", "input.billingAddress.city"),
                ("INVALID_ADDRESS", "input.billingAddress.countryCode"),
                ("INVALID_PAYMENT_METHOD", "input.paymentMethodToken"),
            ]
        );
    }

    /// Code and field of each error in a shipping address.
    fn address_mistakes(country: &str, region: Option<&str>, postal_code: &str) -> Vec<String> {
        let mut given = input(vec![item(product(1), 1)]);
        let address = &mut given.shipping_address;
        country.clone_into(&mut address.country_code);
        address.region = region.map(str::to_owned);
        postal_code.clone_into(&mut address.postal_code);
        let errors = parse(&given, &CheckoutRates::default())
            .err()
            .unwrap_or_default();
        errors
            .into_iter()
            .inspect(|error| assert_eq!(error.code, UserErrorCode::InvalidAddress))
            .map(|error| error.field.unwrap().join("."))
            .collect()
    }

    #[test]
    fn an_address_is_somewhere() {
        let none: [&str; 0] = [];
        let at = |field: &str| format!("input.shippingAddress.{field}");
        for (country, region, postal_code) in [
            ("us", Some("ny"), "11201"),
            ("US", Some("Texas"), "73301"),
            ("CA", Some("Ontario"), "K1A 0B1"),
            ("DE", None, "04109"),
            ("DE", Some("anywhere"), "04109"),
            ("JP", Some("Tokyo"), "150-0001"),
            ("HK", None, "n/a"),
            ("HK", None, ""),
            ("AE", Some("Dubai"), " "),
            ("US", Some("PR"), "00901"),
            ("US", Some("Guam"), "96910"),
            ("US", Some("AE"), "09012"),
        ] {
            let errors = address_mistakes(country, region, postal_code);
            assert_eq!(errors, none, "{country} {region:?} {postal_code}");
        }
        for (country, region, postal_code, fields) in [
            ("ZZ", None, "1", &["countryCode"][..]),
            ("UK", None, "SW1Y 4JH", &["countryCode"]),
            ("US", Some("QQ"), "90001", &["region"]),
            ("US", Some("Ontario"), "90001", &["region"]),
            ("US", None, "90001", &["region"]),
            ("US", Some(" "), "90001", &["region"]),
            ("US", Some("NY"), "none", &["postalCode"]),
            ("US", Some("XX"), "1120", &["postalCode", "region"]),
            ("CA", Some("NY"), "K1A 0B1", &["region"]),
            ("DE", None, "SW1Y 4JH", &["postalCode"]),
            ("US", Some("NY"), "", &["postalCode"]),
            ("US", Some("NY"), "90001", &["postalCode"]),
            ("US", Some("PR"), "10001", &["postalCode"]),
            ("US", Some("NY"), "9000", &["postalCode"]),
            ("DE", None, "", &["postalCode"]),
        ] {
            let errors = address_mistakes(country, region, postal_code);
            let fields: Vec<_> = fields.iter().map(|field| at(field)).collect();
            assert_eq!(errors, fields, "{country} {region:?} {postal_code}");
        }
    }

    #[test]
    fn a_state_is_kept_by_its_code_where_the_tax_follows_it() {
        for (country, given, postal_code, kept) in [
            ("US", "texas", "73301", "TX"),
            ("US", "US-CA", "90001", "CA"),
            ("CA", "British Columbia", "V5K 0A1", "BC"),
            ("DE", "Sachsen", "04109", "Sachsen"),
        ] {
            let mut order = input(vec![item(product(1), 1)]);
            let address = &mut order.shipping_address;
            country.clone_into(&mut address.country_code);
            address.region = Some(given.to_owned());
            postal_code.clone_into(&mut address.postal_code);
            let parsed = parse(&order, &CheckoutRates::default()).unwrap();
            assert_eq!(parsed.shipping_address.region.as_deref(), Some(kept));
        }
    }

    #[test]
    fn a_token_is_letters_digits_and_nothing_that_leads_elsewhere() {
        for token in [
            "",
            " ",
            "..",
            "pm_1/detach",
            "pm_1?expand=x",
            "pm_ü",
            "4242424242424242",
            "pm_4242424242424242",
            "cus_1",
        ] {
            let mut given = input(vec![item(product(1), 1)]);
            given.payment_method_token = token.to_owned();
            assert_eq!(errors(&given)[0].0, "INVALID_PAYMENT_METHOD", "{token}");
        }
    }

    #[test]
    fn an_order_has_one_to_fifty_items() {
        let some = |count: u128| (0..count).map(|number| item(product(number), 1)).collect();
        for count in [0, 51] {
            assert_eq!(
                errors(&input(some(count))),
                [("INVALID_ITEMS".to_owned(), "input.items".to_owned())]
            );
        }
        assert_eq!(
            parse(&input(some(50)), &CheckoutRates::default())
                .unwrap()
                .lines
                .len(),
            50
        );
    }

    #[test]
    fn a_blank_reason_is_none_and_a_long_one_is_refused() {
        assert_eq!(reason(Some("  ")).unwrap(), None);
        assert_eq!(
            reason(Some(" changed my mind ")).unwrap().unwrap(),
            "changed my mind"
        );
        assert_eq!(
            reason(Some(&"x".repeat(501))).unwrap_err().code,
            UserErrorCode::InvalidReason
        );
    }
}
