//! The GraphQL type `Currency`.

use async_graphql::SimpleObject;
use resolvers::money::CurrencyCode;

/// A currency that prices can be shown in.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub(crate) struct Currency {
    /// ISO 4217 code, for arguments that take a currency.
    pub code: CurrencyCode,
    /// The name in English, such as "Canadian Dollar".
    pub name: &'static str,
    /// The symbol in front of amounts, such as "€", or "C$" for Canadian dollars.
    pub symbol: &'static str,
    /// How many decimals an amount has, the exponent of ISO 4217: 0 for yen, 2 for all others.
    pub decimal_places: u32,
}

impl From<CurrencyCode> for Currency {
    fn from(code: CurrencyCode) -> Self {
        Self {
            code,
            name: code.name(),
            symbol: code.symbol(),
            decimal_places: code.decimal_places(),
        }
    }
}
