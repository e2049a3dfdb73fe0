//! A customer who watches an order's parcels over a WebSocket.

use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::Journey;
use crate::commands::load::failure::Failure;
use crate::commands::load::operations::TRACKING;
use crate::commands::load::shop::pick;
use crate::commands::load::socket::Socket;

pub(super) async fn run(journey: &mut Journey<'_>) -> Result<(), Failure> {
    let customer = journey.customer()?;
    let order = pick(&customer.orders).ok_or(Failure::Unexpected("no order"))?;
    let unanswered = journey.begin("connect");
    let connected = journey.context.sockets.connect(&customer.token).await;
    unanswered.answered();
    journey.record("connect", &connected, true);
    let mut socket = connected?;

    let unanswered = journey.begin("snapshot");
    let first = socket.subscribe(&TRACKING, &json!({ "id": order })).await;
    unanswered.answered();
    let snapshot = first.and_then(|data| match data["orderTracking"]["snapshot"].as_bool() {
        Some(true) => Ok(()),
        _ => Err(Failure::Unexpected("no snapshot")),
    });
    journey.record("snapshot", &snapshot, true);
    snapshot?;

    let held = hold(journey, &mut socket).await;
    journey.record("hold", &held, false);
    held?;
    socket.close().await;
    Ok(())
}

/// Receives updates for the chosen time or until the run ends; fails if the connection or the subscription ends first.
async fn hold(journey: &Journey<'_>, socket: &mut Socket) -> Result<(), Failure> {
    let context = journey.context;
    let until = Instant::now() + context.hold;
    loop {
        tokio::select! {
            biased;
            () = context.ended.cancelled() => return Ok(()),
            () = sleep_until(until) => return Ok(()),
            event = socket.event() => {
                event?;
                context.recorder.update(journey.scenario);
            }
        }
    }
}
