//! Where demo customers live: their currency, their tax, and the cities on their parcels' routes.

use resolvers::money::CurrencyCode;
use rust_decimal::Decimal;

pub(super) struct Place {
    pub(super) country: &'static str,
    pub(super) currency: CurrencyCode,
    pub(super) timezone: &'static str,
    /// The region of the deals topic.
    pub(super) deals_region: &'static str,
    /// In parts per ten thousand.
    pub(super) tax: i64,
    pub(super) city: &'static str,
    /// The state or province, where addresses include it.
    pub(super) region: Option<&'static str>,
    pub(super) postal_code: &'static str,
    /// A parcel's route, from the warehouse to the door.
    pub(super) route: [&'static str; 4],
}

impl Place {
    /// In a carrier's format: `Brooklyn NY`.
    pub(super) fn label(&self) -> String {
        match self.region {
            Some(region) => format!("{} {region}", self.city),
            None => self.city.to_owned(),
        }
    }
}

/// The first is the demo customer's. Mostly American.
pub(super) const PLACES: [Place; 11] = [
    Place {
        country: "US",
        currency: CurrencyCode::Usd,
        timezone: "America/New_York",
        deals_region: "us",
        tax: 888,
        city: "Brooklyn",
        region: Some("NY"),
        postal_code: "11201",
        route: [
            "Warehouse, Chicago IL",
            "Sort Facility, Columbus OH",
            "Distribution Center, Newark NJ",
            "Local Delivery Vehicle, Brooklyn NY",
        ],
    },
    Place {
        country: "US",
        currency: CurrencyCode::Usd,
        timezone: "America/Los_Angeles",
        deals_region: "us",
        tax: 950,
        city: "Pasadena",
        region: Some("CA"),
        postal_code: "91101",
        route: [
            "Warehouse, Louisville KY",
            "Sort Facility, Denver CO",
            "Distribution Center, Ontario CA",
            "Local Delivery Vehicle, Pasadena CA",
        ],
    },
    Place {
        country: "US",
        currency: CurrencyCode::Usd,
        timezone: "America/Chicago",
        deals_region: "us",
        tax: 825,
        city: "Austin",
        region: Some("TX"),
        postal_code: "78701",
        route: [
            "Warehouse, Louisville KY",
            "Sort Facility, Memphis TN",
            "Distribution Center, Dallas TX",
            "Local Delivery Vehicle, Austin TX",
        ],
    },
    Place {
        country: "DE",
        currency: CurrencyCode::Eur,
        timezone: "Europe/Berlin",
        deals_region: "eu",
        tax: 1_900,
        city: "Leipzig",
        region: None,
        postal_code: "04109",
        route: [
            "Warehouse, Chicago IL",
            "International Hub, Newark NJ",
            "Gateway, Frankfurt",
            "Delivery Van, Leipzig",
        ],
    },
    Place {
        country: "FR",
        currency: CurrencyCode::Eur,
        timezone: "Europe/Paris",
        deals_region: "eu",
        tax: 2_000,
        city: "Lyon",
        region: None,
        postal_code: "69002",
        route: [
            "Warehouse, Chicago IL",
            "International Hub, Newark NJ",
            "Gateway, Paris",
            "Delivery Van, Lyon",
        ],
    },
    Place {
        country: "GB",
        currency: CurrencyCode::Gbp,
        timezone: "Europe/London",
        deals_region: "eu",
        tax: 2_000,
        city: "Leeds",
        region: None,
        postal_code: "LS1 4AP",
        route: [
            "Warehouse, Chicago IL",
            "International Hub, Newark NJ",
            "Gateway, East Midlands",
            "Delivery Van, Leeds",
        ],
    },
    Place {
        country: "CA",
        currency: CurrencyCode::Cad,
        timezone: "America/Toronto",
        deals_region: "us",
        tax: 1_300,
        city: "Ottawa",
        region: Some("ON"),
        postal_code: "K1P 1J1",
        route: [
            "Warehouse, Chicago IL",
            "Customs, Buffalo NY",
            "Sort Facility, Toronto ON",
            "Delivery Vehicle, Ottawa ON",
        ],
    },
    Place {
        country: "AU",
        currency: CurrencyCode::Aud,
        timezone: "Australia/Sydney",
        deals_region: "apac",
        tax: 1_000,
        city: "Newcastle",
        region: Some("NSW"),
        postal_code: "2300",
        route: [
            "Warehouse, Louisville KY",
            "International Hub, Los Angeles CA",
            "Gateway, Sydney NSW",
            "Delivery Van, Newcastle NSW",
        ],
    },
    Place {
        country: "JP",
        currency: CurrencyCode::Jpy,
        timezone: "Asia/Tokyo",
        deals_region: "apac",
        tax: 1_000,
        city: "Yokohama",
        region: None,
        postal_code: "220-0012",
        route: [
            "Warehouse, Louisville KY",
            "International Hub, Los Angeles CA",
            "Gateway, Narita",
            "Delivery Van, Yokohama",
        ],
    },
    Place {
        country: "BR",
        currency: CurrencyCode::Brl,
        timezone: "America/Sao_Paulo",
        deals_region: "us",
        tax: 1_700,
        city: "Campinas",
        region: Some("SP"),
        postal_code: "13010-000",
        route: [
            "Warehouse, Louisville KY",
            "International Hub, Miami FL",
            "Customs, Guarulhos SP",
            "Delivery Van, Campinas SP",
        ],
    },
    Place {
        country: "MX",
        currency: CurrencyCode::Mxn,
        timezone: "America/Mexico_City",
        deals_region: "us",
        tax: 1_600,
        city: "Puebla",
        region: None,
        postal_code: "72000",
        route: [
            "Warehouse, Louisville KY",
            "Customs, Laredo TX",
            "Sort Facility, Mexico City",
            "Delivery Van, Puebla",
        ],
    },
];

/// Units of the currency per US dollar in the demo shop.
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
