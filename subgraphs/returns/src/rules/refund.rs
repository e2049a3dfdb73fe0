//! Computes refunds: items + their share of the tax − their share of the shipping, or + the whole shipping if the
//! seller is at fault.
//!
//! Each line is computed separately, so that returning two lines together or one after the other gives the same result.
//! Every amount is rounded in the customer's favour and capped by what remains of it, so that no sequence of returns
//! refunds more than was captured.

/// The order's payment, in minor units of its currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paid {
    /// The total of all lines, before tax and shipping.
    pub subtotal: i64,
    pub shipping: i64,
    pub tax: i64,
    /// The captured amount, without what support refunded apart from returns.
    pub total: i64,
}

/// Amounts already refunded by the order's other returns, except cancelled ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refunded {
    pub tax: i64,
    pub total: i64,
    /// Whether one of them refunds the whole shipping.
    pub shipping: bool,
}

/// Units of one order line to be returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The price of all its units.
    pub total: i64,
    /// Units bought.
    pub purchased: i64,
    /// Units returned now.
    pub quantity: i64,
    /// How much of `total` other returns refund.
    pub refunded: i64,
    /// See [`super::reasons::ReturnReason::refunds_shipping`].
    pub seller_fault: bool,
}

/// A refund by component, in minor units. The components add up to `total`, which is never negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Per line, in the given order; they add up to `items`.
    pub lines: Vec<i64>,
    pub items: i64,
    pub tax: i64,
    /// Negative when deducted.
    pub shipping: i64,
    pub total: i64,
    /// Whether this return refunds the order's whole shipping.
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
    // Never negative: the deduction is at most the rest of the refund.
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

/// Recomputes a refund at issue time, after it was quoted as `shown`. It may increase, because other returns may since
/// have been cancelled, but never decreases.
///
/// `shown` was computed against what remained then, and every later quote against what `shown` left. So both amounts
/// keep the order's refunds within what was captured.
pub fn requote(paid: &Paid, lines: &[Line], refunded: &Refunded, shown: &Quote) -> Quote {
    let fresh = quote(paid, lines, refunded);
    if fresh.total > shown.total {
        fresh
    } else {
        shown.clone()
    }
}

impl Quote {
    /// Reduces the items, then the tax, then the shipping until the total fits `left`. Only needed for orders whose
    /// parts exceed the captured amount because of a discount.
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

/// `amount × part / whole`, rounded up, clamped to 0 and `amount`.
fn share_up(amount: i64, part: i64, whole: i64) -> i64 {
    share(amount, part, whole, |product, whole| {
        product / whole + i128::from(product % whole > 0)
    })
}

/// `amount × part / whole`, rounded down, clamped to 0 and `amount`.
fn share_down(amount: i64, part: i64, whole: i64) -> i64 {
    share(amount, part, whole, |product, whole| product / whole)
}

/// Uses 128 bits, where the product of two 64-bit numbers is exact.
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

/// The part of a refund that goes back to the customer's store credit, in proportion to what it paid of the order. The
/// rest goes to the payment method, which never gets back more than it paid.
pub fn credit_share(refund: i64, credit: i64, total: i64) -> i64 {
    if credit <= 0 || total <= 0 || refund <= 0 {
        return 0;
    }
    let charged = i128::from((total - credit).max(0));
    let to_payment = i128::from(refund) * charged / i128::from(total);
    refund - i64::try_from(to_payment).unwrap_or(refund)
}

#[cfg(test)]
mod tests;
