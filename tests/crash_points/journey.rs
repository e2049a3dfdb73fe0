//! The journeys: how each begins, what happens in it, and how it ends.

use platform::providers::stripe::CaptureMethod;

use crate::case::Case;
use crate::process::Process;

/// Cards that Stripe knows for tests.
const WORKS: &str = "pm_card_visa";
const DECLINED: &str = "pm_card_chargeDeclinedInsufficientFunds";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Journey {
    /// An order is placed and charged.
    Place,
    /// An order is placed, and its card declined.
    Decline,
    /// A charged order is cancelled and refunded.
    Cancel,
    /// An order is cancelled whose payment is only authorized.
    CancelAuthorized,
    /// An order is sent, captured and delivered.
    Ship,
    /// Support refunds a part of a delivered order.
    Refund,
    /// A part of a delivered order is returned: label, scan, refund, and back in stock.
    Return,
    /// What is returned arrives, and the card can no longer be refunded to: store credit.
    StoreCredit,
}

/// What a journey begins with.
#[derive(Default)]
pub(crate) struct Begun {
    order: Option<(String, String)>,
    /// The tracking number of a return that is on its way.
    returned: Option<String>,
}

/// How a journey ends.
pub(crate) struct End {
    /// The entries of the order's timeline, in alphabetical order.
    pub(crate) order: &'static [&'static str],
    /// Those of its return, if there is one.
    pub(crate) returned: Option<&'static [&'static str]>,
    pub(crate) paid: Paid,
}

/// What the payment method has paid in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paid {
    Nothing,
    Everything,
    /// Without five dollars.
    Less,
    /// Without the refund of the return.
    WithoutReturned,
}

impl Journey {
    /// Those with the most effects first, since they take the longest.
    pub(crate) const ALL: &[Self] = &[
        Self::Return,
        Self::Ship,
        Self::Decline,
        Self::StoreCredit,
        Self::Place,
        Self::Cancel,
        Self::CancelAuthorized,
        Self::Refund,
    ];

    pub(crate) const fn capture(self) -> CaptureMethod {
        match self {
            Self::Place | Self::Cancel => CaptureMethod::Automatic,
            _ => CaptureMethod::Manual,
        }
    }

    /// What happens before.
    pub(crate) async fn begin(self, process: &Process, case: &Case) -> Begun {
        if matches!(self, Self::Place | Self::Decline) {
            process.work().await;
            return Begun::default();
        }
        let order = case.place(process, WORKS).await;
        if matches!(self, Self::Refund | Self::Return | Self::StoreCredit) {
            case.ship(process, &order.0).await;
        }
        let mut returned = None;
        if self == Self::StoreCredit {
            case.close_payment_method(process).await;
            let number = case.send_back(process, &order).await;
            case.scan(process, &number, "in_transit").await;
            returned = Some(number);
        }
        Begun {
            order: Some(order),
            returned,
        }
    }

    /// What happens in it. Doing it again changes nothing.
    pub(crate) async fn go(self, process: &Process, case: &Case, begun: &Begun) {
        let order = || begun.order.as_ref().unwrap();
        match self {
            Self::Place => drop(case.place(process, WORKS).await),
            Self::Decline => drop(case.place(process, DECLINED).await),
            Self::Cancel | Self::CancelAuthorized => case.cancel(process, &order().0).await,
            Self::Ship => case.ship(process, &order().0).await,
            Self::Refund => case.refund(process, &order().0).await,
            Self::Return => {
                let number = case.send_back(process, order()).await;
                case.scan(process, &number, "in_transit").await;
                case.scan(process, &number, "delivered").await;
            }
            Self::StoreCredit => {
                let number = begun.returned.as_ref().unwrap();
                case.scan(process, number, "delivered").await;
            }
        }
    }

    pub(crate) const fn end(self) -> End {
        const DELIVERED: &[&str] = &[
            "order.confirmed",
            "order.delivered",
            "order.payment_captured",
            "order.placed",
            "order.shipped",
        ];
        const RETURNED: &[&str] = &[
            "carrier_scanned",
            "completed",
            "label_generated",
            "refund_issued",
            "return_initiated",
        ];
        let (order, paid): (&[&str], _) = match self {
            Self::Place => (&["order.confirmed", "order.placed"], Paid::Everything),
            Self::Decline => (&["order.cancelled", "order.placed"], Paid::Nothing),
            Self::Cancel => (
                &[
                    "order.cancelled",
                    "order.confirmed",
                    "order.placed",
                    "order.refunded",
                ],
                Paid::Nothing,
            ),
            Self::CancelAuthorized => (
                &["order.cancelled", "order.confirmed", "order.placed"],
                Paid::Nothing,
            ),
            Self::Ship | Self::StoreCredit => (DELIVERED, Paid::Everything),
            Self::Refund => (
                &[
                    "order.confirmed",
                    "order.delivered",
                    "order.payment_captured",
                    "order.placed",
                    "order.refunded",
                    "order.shipped",
                ],
                Paid::Less,
            ),
            Self::Return => (DELIVERED, Paid::WithoutReturned),
        };
        End {
            order,
            returned: match self {
                Self::Return | Self::StoreCredit => Some(RETURNED),
                _ => None,
            },
            paid,
        }
    }
}
