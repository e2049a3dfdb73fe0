//! Refunds stay within their bounds for any sequence of actions on an order's returns.

use proptest::prelude::*;

use super::{super::*, orders};

/// A return in the model.
#[derive(Clone, Debug)]
struct Modelled {
    /// Line, units, seller's fault.
    items: Vec<(usize, i64, bool)>,
    shown: Quote,
    quote: Quote,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    Issued,
    Cancelled,
}

/// An action on an order; the number selects the return.
#[derive(Clone, Debug)]
enum Action {
    Create(Vec<(usize, i64, bool)>),
    Cancel(usize),
    Issue(usize),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let item = (0_usize..6, 1_i64..6, any::<bool>());
    let action = prop_oneof![
        2 => proptest::collection::vec(item, 1..4).prop_map(Action::Create),
        1 => (0_usize..8).prop_map(Action::Cancel),
        1 => (0_usize..8).prop_map(Action::Issue),
    ];
    proptest::collection::vec(action, 1..24)
}

/// An order and its history.
struct Model {
    paid: Paid,
    /// Unit price and units bought.
    lines: Vec<(i64, i64)>,
    returns: Vec<Modelled>,
}

impl Model {
    /// All returns that are not cancelled, except one.
    fn others(&self, but: Option<usize>) -> impl Iterator<Item = &Modelled> {
        let returns = self.returns.iter().enumerate();
        returns
            .filter(move |(index, made)| Some(*index) != but && made.stage != Stage::Cancelled)
            .map(|(_, made)| made)
    }

    fn refunded(&self, but: Option<usize>) -> Refunded {
        self.others(but)
            .fold(Refunded::default(), |sum, made| Refunded {
                tax: sum.tax + made.quote.tax,
                total: sum.total + made.quote.total,
                shipping: sum.shipping || made.quote.includes_shipping,
            })
    }

    /// Units and amount of a line in the other returns.
    fn of_line(&self, line: usize, but: Option<usize>) -> (i64, i64) {
        let mut sum = (0, 0);
        for made in self.others(but) {
            for ((of, units, _), amount) in made.items.iter().zip(&made.quote.lines) {
                if *of == line {
                    sum = (sum.0 + units, sum.1 + amount);
                }
            }
        }
        sum
    }

    fn to_quote(&self, items: &[(usize, i64, bool)], but: Option<usize>) -> Vec<Line> {
        let line = |&(line, quantity, seller_fault): &(usize, i64, bool)| {
            let (price, purchased) = self.lines[line];
            Line {
                total: price * purchased,
                purchased,
                quantity,
                refunded: self.of_line(line, but).1,
                seller_fault,
            }
        };
        items.iter().map(line).collect()
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Create(wanted) => self.create(&wanted),
            Action::Cancel(index) => {
                if let Some(made) = self.returns.get_mut(index)
                    && made.stage == Stage::Open
                {
                    made.stage = Stage::Cancelled;
                }
            }
            Action::Issue(index) => {
                if self
                    .returns
                    .get(index)
                    .is_none_or(|made| made.stage != Stage::Open)
                {
                    return;
                }
                let made = self.returns[index].clone();
                let lines = self.to_quote(&made.items, Some(index));
                let refunded = self.refunded(Some(index));
                let issued = &mut self.returns[index];
                issued.quote = requote(&self.paid, &lines, &refunded, &made.shown);
                issued.stage = Stage::Issued;
            }
        }
    }

    fn create(&mut self, wanted: &[(usize, i64, bool)]) {
        let mut items: Vec<(usize, i64, bool)> = Vec::new();
        for &(line, units, seller_fault) in wanted {
            let line = line % self.lines.len();
            let left = self.lines[line].1 - self.of_line(line, None).0;
            if left > 0 && items.iter().all(|item| item.0 != line) {
                items.push((line, units.min(left), seller_fault));
            }
        }
        if items.is_empty() {
            return;
        }
        let shown = quote(
            &self.paid,
            &self.to_quote(&items, None),
            &self.refunded(None),
        );
        self.returns.push(Modelled {
            items,
            quote: shown.clone(),
            shown,
            stage: Stage::Open,
        });
    }
}

proptest! {
    /// For any order and any sequence of returns created, cancelled and refunded:
    /// - refunds total at most what was captured, their tax the order's, a line's its price;
    /// - the whole shipping is refunded at most once;
    /// - nobody gets less than was quoted;
    /// - a return that is the seller's fault refunds the shipping, unless another return of the order does.
    #[test]
    fn whatever_happens_to_an_orders_returns_its_refunds_keep_their_bounds(
        (paid, lines) in orders(), actions in actions(),
    ) {
        let has_discount = paid.total < paid.subtotal + paid.tax + paid.shipping;
        let mut model = Model { paid, lines, returns: Vec::new() };
        for action in actions {
            let issued = match &action { Action::Issue(index) => Some(*index), _ => None };
            model.act(action);
            let refunded = model.refunded(None);
            prop_assert!(refunded.total <= paid.total);
            prop_assert!(refunded.tax <= paid.tax);
            for (line, (price, purchased)) in model.lines.iter().enumerate() {
                let (units, amount) = model.of_line(line, None);
                prop_assert!(units <= *purchased && amount <= price * purchased);
            }
            let shippings = model.others(None).filter(|made| made.quote.includes_shipping).count();
            prop_assert!(shippings <= 1);
            for made in &model.returns {
                let quote = &made.quote;
                prop_assert!(quote.total >= made.shown.total);
                prop_assert_eq!(quote.items + quote.tax + quote.shipping, quote.total);
                prop_assert_eq!(quote.lines.iter().sum::<i64>(), quote.items);
            }
            let issued = issued.and_then(|index| model.returns.get(index));
            if let Some(made) = issued
                && made.stage == Stage::Issued
                && made.items.iter().any(|item| item.2)
                && !has_discount
                && paid.shipping > 0
            {
                prop_assert_eq!(shippings, 1);
            }
        }
    }
}
