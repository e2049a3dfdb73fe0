//! Demo orders: who bought what, when and in which currency, and their status.

use chrono::{DateTime, Duration, Utc};
use entities::orders::order::OrderStatus;
use entities::orders::order_item::Restriction;
use entities::tracking::shipment::Carrier;
use rand::RngExt;
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money, Rounding};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::catalog::Product;
use super::customers::Customer;
use super::places::rate;
use super::{Plan, Stream};

pub(super) struct Order {
    pub(super) index: u32,
    pub(super) id: Uuid,
    pub(super) customer: Customer,
    pub(super) status: OrderStatus,
    pub(super) placed_at: DateTime<Utc>,
    pub(super) confirmed_at: Option<DateTime<Utc>>,
    pub(super) shipped_at: Option<DateTime<Utc>>,
    pub(super) delivered_at: Option<DateTime<Utc>>,
    /// When an undelivered parcel is expected.
    pub(super) expected_at: DateTime<Utc>,
    /// The carrier, where it matters.
    pub(super) carrier: Option<Carrier>,
    pub(super) cancelled_at: Option<DateTime<Utc>>,
    pub(super) lines: Vec<Line>,
    pub(super) currency: CurrencyCode,
    /// Units of the currency per US dollar.
    pub(super) rate: Decimal,
    /// In minor units of the currency.
    pub(super) subtotal: i64,
    pub(super) shipping: i64,
    pub(super) tax: i64,
    /// In US cents.
    pub(super) total_usd: i64,
}

pub(super) struct Line {
    pub(super) id: Uuid,
    pub(super) product: Product,
    pub(super) quantity: i32,
    /// In minor units of the order's currency.
    pub(super) unit_price: i64,
    /// On the whole line.
    pub(super) tax: i64,
}

impl Order {
    pub(super) fn total(&self) -> i64 {
        self.subtotal + self.shipping + self.tax
    }

    /// The order's public id.
    pub(super) fn number(&self) -> String {
        IdKind::Order.format(self.id)
    }
}

/// A demo customer's order with special properties; every rule has its case. The five newest are delivered, so that an
/// account page shows everything an order can have.
struct Special {
    /// Days since it was placed, and days until delivery.
    age: i64,
    on_the_way: i64,
    status: OrderStatus,
    currency: CurrencyCode,
    restriction: Option<Restriction>,
    /// At most ten dollars in total.
    small: bool,
    carrier: Option<Carrier>,
}

const fn special(
    age: i64,
    on_the_way: i64,
    status: OrderStatus,
    currency: CurrencyCode,
) -> Special {
    Special {
        age,
        on_the_way,
        status,
        currency,
        restriction: None,
        small: false,
        carrier: None,
    }
}

/// An order whose parcel is with this carrier: the demo customer has one of each.
const fn shipped(age: i64, on_the_way: i64, carrier: Carrier) -> Special {
    Special {
        carrier: Some(carrier),
        ..special(age, on_the_way, OrderStatus::Shipped, CurrencyCode::Usd)
    }
}

static SPECIALS: [Special; 16] = [
    shipped(9, 9, Carrier::Ups),
    special(3, 2, OrderStatus::Delivered, CurrencyCode::Usd),
    special(5, 3, OrderStatus::Delivered, CurrencyCode::Jpy),
    special(7, 4, OrderStatus::Delivered, CurrencyCode::Eur),
    special(48, 3, OrderStatus::Delivered, CurrencyCode::Usd),
    Special {
        restriction: Some(Restriction::Digital),
        ..special(21, 1, OrderStatus::Delivered, CurrencyCode::Usd)
    },
    Special {
        restriction: Some(Restriction::Personalized),
        ..special(22, 6, OrderStatus::Delivered, CurrencyCode::Usd)
    },
    Special {
        small: true,
        ..special(23, 3, OrderStatus::Delivered, CurrencyCode::Usd)
    },
    special(8, 3, OrderStatus::Confirmed, CurrencyCode::Gbp),
    special(6, 3, OrderStatus::Delivered, CurrencyCode::Usd),
    special(25, 3, OrderStatus::Delivered, CurrencyCode::Usd),
    special(60, 3, OrderStatus::Cancelled, CurrencyCode::Cad),
    special(4, 2, OrderStatus::Delivered, CurrencyCode::Cad),
    shipped(10, 13, Carrier::Dhl),
    shipped(11, 20, Carrier::Fedex),
    shipped(12, 40, Carrier::Usps),
];

/// The number of the demo customer's orders.
pub(super) const DEMO_ORDERS: u32 = 16;

/// The demo customer's order with an open return, and the one whose return is complete.
pub(super) const RETURN_UNDER_WAY: u32 = 9;
pub(super) const RETURN_COMPLETED: u32 = 10;

impl Plan {
    /// The order with this index, from 0. The first [`DEMO_ORDERS`] belong to the demo customer.
    pub(super) fn order(&self, index: u32) -> Order {
        let mut random = self.random(Stream::Order, index.into());
        let special = SPECIALS.get(index as usize);
        let customer = match special {
            Some(_) => self.customer(0),
            // Customer 1 orders for an office: enough orders to page through.
            None if index.is_multiple_of(13) => self.customer(1),
            None => self.customer(random.random_range(1..self.customers)),
        };
        let currency = special.map_or(customer.place.currency, |special| special.currency);
        let age = match special {
            Some(special) => {
                Duration::days(special.age) + Duration::minutes(7 * i64::from(index) + 5)
            }
            // Recent activity: some orders are from today, a few from the last minutes.
            None if index.is_multiple_of(20) => Duration::minutes(random.random_range(1..400)),
            None => Duration::minutes(random.random_range(10..365 * 24 * 60)),
        };
        let placed_at = self.now - age;
        let (status, way) = match special {
            Some(special) => (special.status, Duration::days(special.on_the_way)),
            None => {
                let way = Duration::hours(random.random_range(40..150));
                let status = if random.random_bool(0.05) {
                    OrderStatus::Cancelled
                } else if age < Duration::minutes(30) {
                    OrderStatus::Pending
                } else if age < Duration::hours(20) {
                    OrderStatus::Confirmed
                } else if age < way {
                    OrderStatus::Shipped
                } else {
                    OrderStatus::Delivered
                };
                (status, way)
            }
        };
        let shipped = matches!(status, OrderStatus::Shipped | OrderStatus::Delivered);
        let mut order = Order {
            index,
            id: self.id(Stream::Order, index.into()),
            customer,
            status,
            placed_at,
            confirmed_at: (status != OrderStatus::Pending)
                .then(|| placed_at + Duration::minutes(4)),
            shipped_at: shipped.then(|| placed_at + Duration::hours(18)),
            delivered_at: (status == OrderStatus::Delivered).then(|| placed_at + way),
            expected_at: placed_at + special.map_or(Duration::days(3), |_| way),
            carrier: special.and_then(|special| special.carrier),
            cancelled_at: (status == OrderStatus::Cancelled)
                .then(|| placed_at + Duration::hours(2)),
            lines: Vec::new(),
            currency,
            rate: rate(currency),
            subtotal: 0,
            shipping: 0,
            tax: 0,
            total_usd: 0,
        };
        self.fill(&mut order, special);
        order
    }

    /// Adds products to the order and computes its totals as the shop would.
    fn fill(&self, order: &mut Order, special: Option<&Special>) {
        let mut random = self.random(Stream::OrderItem, order.index.into());
        let small = special.is_some_and(|special| special.small);
        let count = if small {
            1
        } else {
            random.random_range(1..=4_u32)
        };
        let (mut usd_subtotal, mut usd_tax) = (0, 0);
        let tax_rate = order.customer.place.tax;
        for position in 0..count {
            let mut product = match special {
                // The monitor of the source documents leads the demo customer's orders.
                Some(special) if position == 0 => match special.restriction {
                    None if small => self.product(19),
                    None => self.product(0),
                    Some(restriction) => self.restricted(restriction),
                },
                _ => self.product(random.random_range(0..self.products)),
            };
            if order.lines.iter().any(|line| line.product.id == product.id) {
                continue;
            }
            if small {
                product.price = 399;
                product.adjustment = 0;
            }
            let quantity = if small { 1 } else { random.random_range(1..=3) };
            let usd = product.price + product.adjustment;
            let unit_price = convert(usd, order.rate, order.currency);
            let line_total = unit_price * i64::from(quantity);
            let usd_total = usd * i64::from(quantity);
            usd_subtotal += usd_total;
            usd_tax += usd_total * tax_rate / 10_000;
            order.lines.push(Line {
                id: self.id(
                    Stream::OrderItem,
                    u64::from(order.index) * 8 + u64::from(position),
                ),
                product,
                quantity,
                unit_price,
                tax: line_total * tax_rate / 10_000,
            });
            order.subtotal += line_total;
        }
        order.tax = order.lines.iter().map(|line| line.tax).sum();
        // Shipping is free from fifty dollars.
        let usd_shipping = match (small, usd_subtotal >= 5_000) {
            (true, _) => 299,
            (_, true) => 0,
            (_, false) => 599,
        };
        let usd_shipping = if order.index == 1 { 599 } else { usd_shipping };
        order.shipping = convert(usd_shipping, order.rate, order.currency);
        order.total_usd = usd_subtotal + usd_shipping + usd_tax;
    }

    /// The first product with this restriction.
    fn restricted(&self, restriction: Restriction) -> Product {
        (0..self.products)
            .map(|index| self.product(index))
            .find(|product| product.restriction == Some(restriction))
            .unwrap_or_else(|| self.product(0))
    }
}

/// Converts US cents to another currency's minor units, rounded down like prices.
pub(super) fn convert(usd_cents: i64, rate: Decimal, currency: CurrencyCode) -> i64 {
    Money::from_decimal(Decimal::new(usd_cents, 2) * rate, currency, Rounding::Down)
        .map_or(i64::MAX, |money| money.minor)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn plan() -> Plan {
        Plan::of(2_000)
    }

    #[test]
    fn the_shop_has_every_currency_and_status_and_at_least_fifty_customers() {
        let orders: Vec<_> = (0..2_000).map(|index| plan().order(index)).collect();
        let currencies: HashSet<_> = orders.iter().map(|order| order.currency).collect();
        let statuses: HashSet<_> = orders.iter().map(|order| order.status.as_str()).collect();
        let customers: HashSet<_> = orders.iter().map(|order| order.customer.id).collect();
        assert_eq!((currencies.len(), statuses.len()), (8, 5));
        assert!(
            customers.len() >= 45,
            "{} customers ordered",
            customers.len()
        );
        let titles: HashSet<_> = (0..plan().products)
            .map(|index| plan().product(index).title)
            .collect();
        assert!(titles.len() > 490, "{} titles", titles.len());
    }

    #[test]
    fn the_demo_customer_has_a_case_of_every_rule() {
        let plan = plan();
        let orders: Vec<_> = (0..DEMO_ORDERS).map(|index| plan.order(index)).collect();
        let window = plan.now - Duration::days(30);
        assert!(
            orders
                .iter()
                .all(|order| order.customer.id == plan.customer(0).id)
        );
        assert!(
            orders
                .iter()
                .any(|order| order.delivered_at.is_some_and(|at| at > window))
        );
        assert!(
            orders
                .iter()
                .any(|order| order.delivered_at.is_some_and(|at| at < window))
        );
        assert!(
            orders
                .iter()
                .any(|order| order.status == OrderStatus::Shipped)
        );
        for currency in [CurrencyCode::Jpy, CurrencyCode::Eur] {
            assert!(orders.iter().any(|order| order.currency == currency));
        }
        assert!(orders.iter().any(|order| order.total_usd <= 1_000));
        assert!(
            orders
                .iter()
                .any(|order| order.lines[0].product.restriction.is_some())
        );
    }

    #[test]
    fn the_same_plan_gives_the_same_order_whatever_the_size_of_the_shop() {
        let (one, other) = (
            plan().order(7),
            Plan {
                orders: 5,
                ..plan()
            }
            .order(7),
        );
        assert_eq!(
            (one.id, one.total(), one.placed_at),
            (other.id, other.total(), other.placed_at)
        );
    }
}
