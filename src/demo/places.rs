//! Where demo customers live: what they pay in, their tax, and the cities parcels pass.

use resolvers::money::CurrencyCode;
use rust_decimal::Decimal;

pub(super) struct Place {
    pub(super) country: &'static str,
    pub(super) currency: CurrencyCode,
    pub(super) timezone: &'static str,
    /// Deals topic region.
    pub(super) region: &'static str,
    /// In parts per ten thousand.
    pub(super) tax: i64,
    pub(super) city: &'static str,
    pub(super) postal_code: &'static str,
    /// The way of a parcel, from the warehouse to the door.
    pub(super) route: [&'static str; 4],
}

/// The first is the demo customer's. More Americans than others, as in any dollar shop.
pub(super) const PLACES: [Place; 11] = [
    place(
        "US",
        CurrencyCode::Usd,
        "America/New_York",
        "us",
        888,
        "Brooklyn NY",
        "11201",
        [
            "Warehouse, Chicago IL",
            "Sort Facility, Columbus OH",
            "Distribution Center, Newark NJ",
            "Local Delivery Vehicle, Brooklyn NY",
        ],
    ),
    place(
        "US",
        CurrencyCode::Usd,
        "America/Los_Angeles",
        "us",
        950,
        "Pasadena CA",
        "91101",
        [
            "Warehouse, Louisville KY",
            "Sort Facility, Denver CO",
            "Distribution Center, Ontario CA",
            "Local Delivery Vehicle, Pasadena CA",
        ],
    ),
    place(
        "US",
        CurrencyCode::Usd,
        "America/Chicago",
        "us",
        825,
        "Austin TX",
        "78701",
        [
            "Warehouse, Louisville KY",
            "Sort Facility, Memphis TN",
            "Distribution Center, Dallas TX",
            "Local Delivery Vehicle, Austin TX",
        ],
    ),
    place(
        "DE",
        CurrencyCode::Eur,
        "Europe/Berlin",
        "eu",
        1_900,
        "Leipzig",
        "04109",
        [
            "Warehouse, Chicago IL",
            "International Hub, Newark NJ",
            "Gateway, Frankfurt",
            "Delivery Van, Leipzig",
        ],
    ),
    place(
        "FR",
        CurrencyCode::Eur,
        "Europe/Paris",
        "eu",
        2_000,
        "Lyon",
        "69002",
        [
            "Warehouse, Chicago IL",
            "International Hub, Newark NJ",
            "Gateway, Paris",
            "Delivery Van, Lyon",
        ],
    ),
    place(
        "GB",
        CurrencyCode::Gbp,
        "Europe/London",
        "eu",
        2_000,
        "Leeds",
        "LS1 4AP",
        [
            "Warehouse, Chicago IL",
            "International Hub, Newark NJ",
            "Gateway, East Midlands",
            "Delivery Van, Leeds",
        ],
    ),
    place(
        "CA",
        CurrencyCode::Cad,
        "America/Toronto",
        "us",
        1_300,
        "Ottawa ON",
        "K1P 1J1",
        [
            "Warehouse, Chicago IL",
            "Customs, Buffalo NY",
            "Sort Facility, Toronto ON",
            "Delivery Vehicle, Ottawa ON",
        ],
    ),
    place(
        "AU",
        CurrencyCode::Aud,
        "Australia/Sydney",
        "apac",
        1_000,
        "Newcastle NSW",
        "2300",
        [
            "Warehouse, Louisville KY",
            "International Hub, Los Angeles CA",
            "Gateway, Sydney NSW",
            "Delivery Van, Newcastle NSW",
        ],
    ),
    place(
        "JP",
        CurrencyCode::Jpy,
        "Asia/Tokyo",
        "apac",
        1_000,
        "Yokohama",
        "220-0012",
        [
            "Warehouse, Louisville KY",
            "International Hub, Los Angeles CA",
            "Gateway, Narita",
            "Delivery Van, Yokohama",
        ],
    ),
    place(
        "BR",
        CurrencyCode::Brl,
        "America/Sao_Paulo",
        "us",
        1_700,
        "Campinas SP",
        "13010-000",
        [
            "Warehouse, Louisville KY",
            "International Hub, Miami FL",
            "Customs, Guarulhos SP",
            "Delivery Van, Campinas SP",
        ],
    ),
    place(
        "MX",
        CurrencyCode::Mxn,
        "America/Mexico_City",
        "us",
        1_600,
        "Puebla",
        "72000",
        [
            "Warehouse, Louisville KY",
            "Customs, Laredo TX",
            "Sort Facility, Mexico City",
            "Delivery Van, Puebla",
        ],
    ),
];

#[expect(clippy::too_many_arguments, reason = "one row of a table")]
const fn place(
    country: &'static str,
    currency: CurrencyCode,
    timezone: &'static str,
    region: &'static str,
    tax: i64,
    city: &'static str,
    postal_code: &'static str,
    route: [&'static str; 4],
) -> Place {
    Place {
        country,
        currency,
        timezone,
        region,
        tax,
        city,
        postal_code,
        route,
    }
}

/// How much of the currency one US dollar buys, in the demo shop.
pub(super) fn rate(currency: CurrencyCode) -> Decimal {
    match currency {
        CurrencyCode::Usd => Decimal::ONE,
        CurrencyCode::Eur => Decimal::new(9_184, 4),
        CurrencyCode::Gbp => Decimal::new(7_891, 4),
        CurrencyCode::Cad => Decimal::new(13_642, 4),
        CurrencyCode::Aud => Decimal::new(15_217, 4),
        CurrencyCode::Jpy => Decimal::new(149_532, 3),
        CurrencyCode::Mxn => Decimal::new(182_574, 4),
        CurrencyCode::Brl => Decimal::new(54_463, 4),
    }
}
