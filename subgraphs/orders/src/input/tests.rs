//! Parsing and refusing the inputs of orders.

use async_graphql::ID;

use super::*;

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
        shipping_option: None,
        use_store_credit: false,
        expected_total: None,
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
        .basket
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
            .basket
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
