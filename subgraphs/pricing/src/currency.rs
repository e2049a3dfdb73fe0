//! The GraphQL type `Currency`.

use async_graphql::SimpleObject;
use resolvers::money::CurrencyCode;

/// A currency that prices can be shown in.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub(crate) struct Currency {
    pub code: CurrencyCode,
    pub name: &'static str,
    pub symbol: &'static str,
    /// ISO 4217 exponent: the number of decimals.
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
