//! The carriers' rates for a parcel.

use serde_json::{Value, json};

use super::{money, time};
use crate::parcels::Carrier;
use crate::world::World;

/// One carrier's rate.
#[derive(Clone, Debug)]
pub(super) struct Rate {
    pub(super) id: String,
    pub(super) carrier: Carrier,
    pub(super) service: &'static str,
    pub(super) cents: i64,
    days: u8,
}

/// Services: price in cents for the first pound and for each further one, and delivery days.
const SERVICES: [(Carrier, &str, i64, i64, u8); 8] = [
    (Carrier::Usps, "GroundAdvantage", 645, 58, 3),
    (Carrier::Usps, "Priority", 845, 95, 2),
    (Carrier::Usps, "Express", 2_845, 260, 1),
    (Carrier::Ups, "Ground", 1_062, 74, 4),
    (Carrier::Ups, "2ndDayAir", 2_390, 210, 2),
    (Carrier::Fedex, "FEDEX_GROUND", 1_018, 77, 4),
    (Carrier::Fedex, "FEDEX_2_DAY", 2_260, 205, 2),
    (Carrier::Dhl, "ExpressWorldwideNonDoc", 4_810, 390, 2),
];

/// Services that cross borders.
const INTERNATIONAL: [(Carrier, &str, i64, i64, u8); 4] = [
    (Carrier::Ups, "Standard", 2_240, 180, 6),
    (Carrier::Fedex, "INTERNATIONAL_ECONOMY", 3_120, 290, 5),
    (Carrier::Ups, "Expedited", 3_690, 330, 4),
    (Carrier::Dhl, "ExpressWorldwideNonDoc", 4_810, 390, 2),
];

/// Where UPS Standard goes from the United States, over land.
const BY_LAND: [&str; 2] = ["CA", "MX"];

/// The countries that a parcel is sent between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) from: String,
    pub(super) to: String,
}

impl Route {
    pub(super) fn is_international(&self) -> bool {
        self.from != self.to
    }

    fn is_by_land(&self) -> bool {
        let ends = [self.from.as_str(), self.to.as_str()];
        ends.contains(&"US") && BY_LAND.iter().any(|country| ends.contains(country))
    }
}

const OUNCES_PER_POUND: i64 = 16;

/// The price of a parcel of this weight, in cents.
fn cents(first: i64, further: i64, ounces: i64) -> i64 {
    let pounds = (ounces + OUNCES_PER_POUND - 1) / OUNCES_PER_POUND;
    first + further * (pounds - 1).max(0)
}

impl World {
    /// Every carrier's rates for a parcel of this weight on this route.
    pub(super) fn rates(&mut self, ounces: i64, route: &Route) -> Vec<Rate> {
        let services: Vec<_> = if route.is_international() {
            let is_offered = |service: &&(Carrier, &str, i64, i64, u8)| {
                service.1 != "Standard" || route.is_by_land()
            };
            INTERNATIONAL.iter().filter(is_offered).copied().collect()
        } else {
            SERVICES.to_vec()
        };
        services
            .into_iter()
            .map(|(carrier, service, first, further, days)| Rate {
                id: self.ids.hex("rate"),
                carrier,
                service,
                cents: (self.easypost.rate_override)
                    .unwrap_or_else(|| cents(first, further, ounces)),
                days,
            })
            .collect()
    }
}

impl Rate {
    pub(super) fn json(&self, shipment: &str, created: chrono::DateTime<chrono::Utc>) -> Value {
        let price = money(self.cents);
        json!({
            "id": self.id,
            "object": "Rate",
            "mode": "test",
            "created_at": time(created),
            "updated_at": time(created),
            "service": self.service,
            "carrier": self.carrier.easypost_name(),
            "carrier_account_id": format!("ca_{}", self.carrier.easypost_name().to_lowercase()),
            "shipment_id": shipment,
            "rate": price,
            "currency": "USD",
            "list_rate": price,
            "list_currency": "USD",
            "retail_rate": price,
            "retail_currency": "USD",
            "delivery_days": self.days,
            "delivery_date": null,
            "delivery_date_guaranteed": false,
            "est_delivery_days": self.days,
            "billing_type": "easypost",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heavier_is_never_cheaper_and_the_cheapest_is_ground() {
        for (_, _, first, further, _) in SERVICES {
            assert_eq!(cents(first, further, 1), first);
            assert_eq!(cents(first, further, 16), first);
            assert_eq!(cents(first, further, 17), first + further);
        }
        for ounces in [1, 16, 40, 320, 1_120] {
            let cheapest = SERVICES
                .into_iter()
                .min_by_key(|&(_, _, first, further, _)| cents(first, further, ounces));
            assert!(
                cheapest.unwrap().1.to_lowercase().contains("ground"),
                "{ounces} oz"
            );
        }
    }
}
