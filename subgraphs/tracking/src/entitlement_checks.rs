//! Periodic checks whether watchers are still entitled to watch, on one shared timer.

use std::time::Duration;

use platform::flags::{EvaluationContext, Flag, Flags};
use resolvers::id::IdKind;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::rules::status::Carrier;

/// The flag for live updates.
const LIVE: Flag = Flag::on_by_default("realtime_order_tracking");

/// Cheap to clone; clones share the timer.
#[derive(Clone, Debug, Default)]
pub struct EntitlementChecks(watch::Sender<()>);

impl EntitlementChecks {
    /// Checks all watchers now.
    pub fn now(&self) {
        self.0.send_replace(());
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }

    /// Checks all watchers periodically until told to stop.
    pub(crate) async fn run(self, interval: Duration, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(interval) => self.now(),
            }
        }
    }
}

/// Whether live updates of this customer's parcels are on. An order without a parcel has no carrier yet.
pub(crate) async fn live_updates_enabled(
    flags: &Flags,
    customer: Uuid,
    carrier: Option<Carrier>,
) -> bool {
    let mut whom =
        EvaluationContext::default().with_targeting_key(IdKind::Customer.format(customer));
    if let Some(carrier) = carrier {
        whom.add_custom_field("carrier", carrier.as_str());
    }
    flags.is_on(LIVE, &whom).await
}
