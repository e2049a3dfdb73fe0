//! The preferences of customers of the former system, which had one toggle for push messages, one for emails and one for
//! text messages.

use super::preference_matrix::{NotificationCategory, NotificationChannel, default_enabled};

/// A cell that differs from a new customer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LegacyCell {
    pub channel: NotificationChannel,
    pub category: NotificationCategory,
    pub enabled: bool,
    /// Only for customers with this toggle of the channel; `None`: for all.
    pub chosen: Option<bool>,
}

/// The cells that are to be written: push messages are on in every category, the others as their channel's toggle says.
pub(crate) fn cells() -> Vec<LegacyCell> {
    let mut cells = Vec::new();
    for &channel in NotificationChannel::ALL {
        for &category in NotificationCategory::ALL {
            let toggles: &[Option<bool>] = match channel {
                NotificationChannel::Push => &[None],
                NotificationChannel::Email | NotificationChannel::Sms => &[Some(true), Some(false)],
            };
            for &chosen in toggles {
                let enabled = chosen.unwrap_or(true);
                if enabled != default_enabled(channel, category) {
                    cells.push(LegacyCell {
                        channel,
                        category,
                        enabled,
                        chosen,
                    });
                }
            }
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::preference_matrix::Matrix;

    #[test]
    fn push_is_on_in_every_category_and_the_others_follow_their_toggle() {
        for (email, sms) in [(true, true), (true, false), (false, true), (false, false)] {
            let mut matrix = Matrix::default();
            for cell in cells() {
                let toggle = match cell.channel {
                    NotificationChannel::Push => None,
                    NotificationChannel::Email => Some(email),
                    NotificationChannel::Sms => Some(sms),
                };
                if cell.chosen == toggle {
                    matrix.cell_mut(cell.channel, cell.category).enabled = cell.enabled;
                }
            }
            let enabled: Vec<_> = matrix.cells().map(|(_, _, cell)| cell.enabled).collect();
            let expected: Vec<_> = [true, email, sms]
                .into_iter()
                .flat_map(|on| [on; 4])
                .collect();
            assert_eq!(enabled, expected, "email {email}, sms {sms}");
        }
    }
}
