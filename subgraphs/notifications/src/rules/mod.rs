//! The domain's rules: pure functions of plain values.

pub(crate) mod deal;
pub(crate) mod legacy_preferences;
pub(crate) mod partner_event;
pub(crate) mod preference_matrix;
pub(crate) mod preference_update;
pub(crate) mod quiet_hours;
pub(crate) mod send_decision;
pub(crate) mod topics;
