//! What must fit between a return and its order, by cases.

use orders::invariants::PurchasedItem;
use returns::invariants::ReturnedLine;

use super::*;

const ORDER_ID: Uuid = Uuid::from_u128(1);
const ITEM: Uuid = Uuid::from_u128(2);
const RETURN_ID: Uuid = Uuid::from_u128(3);

/// Two units for 100.00, of which 30.00 were store credit.
fn purchase() -> Purchase {
    Purchase {
        customer: Uuid::from_u128(4),
        currency: "EUR".to_owned(),
        total: 10_000,
        captured: Some(7_000),
        refunded: 0,
        payment_intent: Some("pi_1".to_owned()),
        items: [(ITEM, PurchasedItem { quantity: 2 })].into(),
    }
}

/// One of the units, completed.
fn returned() -> OrderReturn {
    OrderReturn {
        id: RETURN_ID,
        customer: Uuid::from_u128(4),
        currency: "EUR".to_owned(),
        is_cancelled: false,
        is_completed: true,
        payment_intent: Some("pi_1".to_owned()),
        paid_back: 3_500,
        credited: 1_500,
        is_credit_decided: false,
        is_in_flight: false,
        lines: vec![ReturnedLine {
            order_item: ITEM,
            quantity: 1,
        }],
    }
}

fn sold() -> Sold {
    let credited = HashMap::from([("EUR".to_owned(), 1_500)]);
    Sold {
        purchases: [(ORDER_ID, purchase())].into(),
        credited: [(RETURN_ID, credited)].into(),
        restocked: [((RETURN_ID, ITEM), 1)].into(),
        awaited: HashSet::new(),
    }
}

/// The kinds of violations of these returns of one order, with what was found.
fn kinds(returns: &[OrderReturn], sold: &Sold) -> Vec<(&'static str, String)> {
    let found = of_order(ORDER_ID, returns, sold);
    let found = found.into_iter();
    found
        .map(|violation| (violation.kind, violation.found))
        .collect()
}

#[test]
fn returns_that_fit_their_order_are_clean() {
    let other = OrderReturn {
        id: Uuid::from_u128(9),
        credited: 0,
        ..returned()
    };
    assert_eq!(kinds(&[returned(), other], &sold()), []);
}

#[test]
fn what_does_not_fit_is_found() {
    type Change = fn(&mut OrderReturn, &mut Sold);
    let cases: [(Change, &[(&str, &str)]); 15] = [
        (
            |_, sold| sold.purchases.clear(),
            &[(ORDER, "no such order")],
        ),
        (
            |one, _| one.customer = Uuid::nil(),
            &[(ORDER, "usr_00000000000000000000000000")],
        ),
        (|one, _| one.payment_intent = None, &[(ORDER, "none")]),
        (
            |one, sold| {
                one.currency = "USD".to_owned();
                sold.credited
                    .get_mut(&RETURN_ID)
                    .unwrap()
                    .insert("USD".to_owned(), 1_500);
            },
            &[(ORDER, "USD")],
        ),
        (|one, _| one.lines[0].quantity = 3, &[(UNITS, "3")]),
        (
            |one, sold| {
                one.lines[0].order_item = Uuid::nil();
                sold.restocked.clear();
            },
            &[(UNITS, "1")],
        ),
        (
            |one, sold| {
                one.lines[0].quantity = 3;
                one.is_cancelled = true;
                sold.restocked.clear();
            },
            &[],
        ),
        (|one, _| one.paid_back = 7_001, &[(REFUNDED, "7001")]),
        (
            |_, sold| sold.purchases.get_mut(&ORDER_ID).unwrap().refunded = 3_501,
            &[(REFUNDED, "7001")],
        ),
        (
            |one, sold| {
                one.paid_back = 7_000;
                one.credited = 3_001;
                sold.credited
                    .get_mut(&RETURN_ID)
                    .unwrap()
                    .insert("EUR".to_owned(), 3_001);
            },
            &[(REFUNDED, "10001")],
        ),
        (
            |one, sold| {
                one.is_credit_decided = true;
                one.credited = 99_999;
                sold.credited
                    .get_mut(&RETURN_ID)
                    .unwrap()
                    .insert("EUR".to_owned(), 99_999);
            },
            &[],
        ),
        (
            |one, sold| {
                one.paid_back = 99_999;
                sold.purchases.get_mut(&ORDER_ID).unwrap().captured = None;
            },
            &[],
        ),
        (|one, _| one.credited = 1_499, &[(CREDIT, "1500")]),
        (|_, sold| sold.credited.clear(), &[(CREDIT, "0")]),
        (|one, _| one.is_completed = false, &[(RESTOCKED, "1")]),
    ];
    for (number, (change, expected)) in cases.into_iter().enumerate() {
        let (mut one, mut sold) = (returned(), sold());
        change(&mut one, &mut sold);
        let found = kinds(&[one], &sold);
        let found: Vec<_> = found
            .iter()
            .map(|(kind, found)| (*kind, found.as_str()))
            .collect();
        assert_eq!(found, expected, "case {number}");
    }
}

#[test]
fn credit_that_is_on_its_way_is_not_missing_yet() {
    let missing = Sold {
        credited: HashMap::new(),
        ..sold()
    };
    let not_sent = OrderReturn {
        is_in_flight: true,
        ..returned()
    };
    assert_eq!(kinds(&[not_sent], &missing), []);
    let not_handled = Sold {
        awaited: [RETURN_ID].into(),
        ..missing
    };
    assert_eq!(kinds(&[returned()], &not_handled), []);
    // Too much is wrong whatever arrives.
    let too_much = Sold {
        credited: [(RETURN_ID, [("EUR".to_owned(), 1_501)].into())].into(),
        ..not_handled
    };
    assert_eq!(
        kinds(&[returned()], &too_much),
        [(CREDIT, "1501".to_owned())]
    );
}
