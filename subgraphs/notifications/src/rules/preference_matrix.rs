//! The matrix of channels and categories, and a new customer's defaults.

use chrono::NaiveTime;
pub(crate) use entities::notifications::preference::{NotificationCategory, NotificationChannel};

/// Hours during which deals are held back, in the customer's time zone. May cross midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QuietHours {
    pub start: NaiveTime,
    pub end: NaiveTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub enabled: bool,
    pub quiet_hours: Option<QuietHours>,
}

/// Always the 12 cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Matrix([[Cell; NotificationCategory::ALL.len()]; NotificationChannel::ALL.len()]);

/// The defaults: orders on every channel, deals and wishlist except by SMS, social on none.
pub(crate) const fn default_enabled(
    channel: NotificationChannel,
    category: NotificationCategory,
) -> bool {
    match category {
        NotificationCategory::Orders => true,
        NotificationCategory::Deals | NotificationCategory::Wishlist => {
            !matches!(channel, NotificationChannel::Sms)
        }
        NotificationCategory::Social => false,
    }
}

impl Default for Matrix {
    fn default() -> Self {
        Self(std::array::from_fn(|channel| {
            std::array::from_fn(|category| Cell {
                enabled: default_enabled(
                    NotificationChannel::ALL[channel],
                    NotificationCategory::ALL[category],
                ),
                quiet_hours: None,
            })
        }))
    }
}

impl Matrix {
    pub(crate) fn cell(
        &self,
        channel: NotificationChannel,
        category: NotificationCategory,
    ) -> &Cell {
        &self.0[channel as usize][category as usize]
    }

    pub(crate) fn cell_mut(
        &mut self,
        channel: NotificationChannel,
        category: NotificationCategory,
    ) -> &mut Cell {
        &mut self.0[channel as usize][category as usize]
    }

    /// Turns every cell off.
    pub(crate) fn disable_all(&mut self) {
        for cell in self.0.as_flattened_mut() {
            cell.enabled = false;
        }
    }

    /// The cells, channel by channel.
    pub(crate) fn cells(
        &self,
    ) -> impl Iterator<Item = (NotificationChannel, NotificationCategory, &Cell)> {
        NotificationChannel::ALL.iter().flat_map(move |&channel| {
            NotificationCategory::ALL
                .iter()
                .map(move |&category| (channel, category, self.cell(channel, category)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_customer_hears_orders_everywhere_deals_and_wishlist_but_by_sms_and_no_social() {
        let enabled: Vec<_> = Matrix::default()
            .cells()
            .map(|(_, _, cell)| cell.enabled)
            .collect();
        assert_eq!(
            enabled,
            [
                true, true, true, false, // push
                true, true, true, false, // email
                true, false, false, false, // sms
            ]
        );
    }
}
