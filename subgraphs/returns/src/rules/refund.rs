//! What the customer gets back: items + their share of the tax − their share of the shipping, or
//! + the whole shipping when the mistake is ours.
//!
//! Each line counts for itself, so that returning two lines together or one after the other gives
//! the same. Every amount is rounded up for the customer (a deduction down) and capped by what is
//! left of it, so that any sequence of returns gives back at most what was captured.

/// What the customer paid for the order, in minor units of its currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paid {
    /// All lines, before tax and shipping.
    pub subtotal: i64,
    pub shipping: i64,
    pub tax: i64,
    /// What was captured in all.
    pub total: i64,
}

/// What the order's other returns give back already; cancelled ones do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refunded {
    pub tax: i64,
    pub total: i64,
    /// One of them gives the whole shipping back.
    pub shipping: bool,
}

/// Units of one order line that come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The price of all its units.
    pub total: i64,
    /// Units bought.
    pub purchased: i64,
    /// Units that come back now.
    pub quantity: i64,
    /// What other returns give back of `total`.
    pub refunded: i64,
    /// Our mistake: see [`super::reasons::ReturnReason::refunds_shipping`].
    pub seller_fault: bool,
}

/// A refund by component, in minor units. The components add up to `total`, never below zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Of each line, in the order given; they add up to `items`.
    pub lines: Vec<i64>,
    pub items: i64,
    pub tax: i64,
    /// Negative when deducted.
    pub shipping: i64,
    pub total: i64,
    /// The order's whole shipping comes back with this return.
    pub includes_shipping: bool,
}

/// The refund of these lines of the order.
pub fn quote(paid: &Paid, lines: &[Line], refunded: &Refunded) -> Quote {
    let mut amounts: Vec<i64> = lines.iter().map(line_amount).collect();
    let items = sum(&amounts);
    let tax = share_up(paid.tax, items, paid.subtotal).min((paid.tax - refunded.tax).max(0));

    let seller_fault = lines.iter().any(|line| line.seller_fault);
    let includes_shipping = seller_fault && !refunded.shipping;
    let given = if includes_shipping { paid.shipping } else { 0 };
    let standard = sum(lines
        .iter()
        .zip(&amounts)
        .filter(|(line, _)| !line.seller_fault)
        .map(|(_, amount)| amount));
    let deducted = share_down(paid.shipping, standard, paid.subtotal);
    // Never below zero: at most what comes back is deducted.
    let shipping = (given - deducted).max(-(items.saturating_add(tax)));

    let mut quote = Quote {
        items,
        tax,
        shipping,
        total: items.saturating_add(tax).saturating_add(shipping),
        includes_shipping,
        lines: Vec::new(),
    };
    let left = (paid.total - refunded.total).max(0);
    quote.cap(&mut amounts, left);
    quote.lines = amounts;
    quote
}

/// The refund of these lines as it is when it is issued, after it was shown as `shown`. What the
/// other returns give back may have become less since then, so it may be more; it is never less.
///
/// `shown` was computed against what was left then, and every quote since then against what `shown`
/// left. So both choices keep all of an order's refunds within what was captured.
pub fn requote(paid: &Paid, lines: &[Line], refunded: &Refunded, shown: &Quote) -> Quote {
    let fresh = quote(paid, lines, refunded);
    if fresh.total > shown.total {
        fresh
    } else {
        shown.clone()
    }
}

impl Quote {
    /// Takes what exceeds `left` off the items, then off the tax, then off the shipping. It only
    /// does for orders that captured less than their parts add up to, by a discount.
    fn cap(&mut self, lines: &mut [i64], left: i64) {
        let mut excess = (self.total - left).max(0);
        self.total -= excess;
        for line in lines.iter_mut().rev() {
            let taken = excess.min(*line);
            *line -= taken;
            self.items -= taken;
            excess -= taken;
        }
        let taken = excess.min(self.tax);
        self.tax -= taken;
        self.shipping -= excess - taken;
    }
}

fn line_amount(line: &Line) -> i64 {
    share_up(line.total, line.quantity, line.purchased).min((line.total - line.refunded).max(0))
}

/// `amount × part / whole`, rounded up, within 0 and `amount`.
fn share_up(amount: i64, part: i64, whole: i64) -> i64 {
    share(amount, part, whole, |product, whole| {
        product / whole + i128::from(product % whole > 0)
    })
}

/// `amount × part / whole`, rounded down, within 0 and `amount`.
fn share_down(amount: i64, part: i64, whole: i64) -> i64 {
    share(amount, part, whole, |product, whole| product / whole)
}

/// In 128 bits, where the product of two 64-bit numbers is exact.
fn share(amount: i64, part: i64, whole: i64, divide: impl Fn(i128, i128) -> i128) -> i64 {
    if amount <= 0 || part <= 0 || whole <= 0 {
        return 0;
    }
    let share = divide(i128::from(amount) * i128::from(part), i128::from(whole));
    i64::try_from(share).unwrap_or(amount).min(amount)
}

fn sum<'a>(amounts: impl IntoIterator<Item = &'a i64>) -> i64 {
    amounts
        .into_iter()
        .fold(0, |sum, amount| sum.saturating_add(*amount))
}

#[cfg(test)]
mod tests;
