//! The carriers that are tracked.

use async_graphql::Enum;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum Carrier {
    Dhl,
    // One word: the enum's own rule would write FED_EX for `FedEx`.
    Fedex,
    Ups,
    Usps,
}

impl Carrier {
    pub const ALL: [Self; 4] = [Self::Dhl, Self::Fedex, Self::Ups, Self::Usps];

    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dhl => "dhl",
            Self::Fedex => "fedex",
            Self::Ups => "ups",
            Self::Usps => "usps",
        }
    }

    /// As sellers of labels name it and their own accounts with it: `USPS`, `UPS`, `UPSDAP`, `FedEx`,
    /// `FedExDefault`, `FedExSmartPost`, `DHLExpress`, `DhlEcs`.
    pub(crate) fn of_seller(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        Self::ALL
            .into_iter()
            .find(|carrier| name.starts_with(carrier.as_str()))
    }

    pub fn parse(stored: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|carrier| carrier.as_str() == stored)
    }
}
