//! A supported currency, as the graph shows it.

use async_graphql::SimpleObject;
use resolvers::money::CurrencyCode;

/// A currency that prices can be shown in.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub(crate) struct Currency {
    pub code: CurrencyCode,
    pub name: &'static str,
    pub symbol: &'static str,
    /// ISO 4217 exponent: decimals of an amount.
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
