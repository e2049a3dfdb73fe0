//! The carriers' own tracking APIs: DHL, FedEx and UPS.

pub(crate) mod dhl;
pub(crate) mod fedex;
pub(crate) mod oddities;
mod tokens;
pub(crate) mod ups;

use axum::Router;

pub(crate) use oddities::{Oddity, Writer};
pub(crate) use tokens::{Tokens, authorize};

use crate::parcels::Carrier;
use crate::provider::Provider;
use crate::sandbox::Sandbox;
use crate::world::World;

pub(crate) fn routes() -> Router<Sandbox> {
    dhl::routes().merge(fedex::routes()).merge(ups::routes())
}

impl World {
    /// Sends the carrier's subscribers what its tracking API would now answer.
    pub(crate) fn notify_carrier_subscribers(&mut self, number: &str) {
        let Some(parcel) = self.parcels.get(number) else {
            return;
        };
        let (provider, body) = match parcel.carrier {
            Carrier::Dhl => (Provider::Dhl, dhl::answer(parcel)),
            Carrier::Fedex => (Provider::Fedex, fedex::answer([fedex::result(parcel)])),
            Carrier::Ups => (Provider::Ups, ups::answer(parcel)),
            Carrier::Usps => return,
        };
        let writer = Writer::Carrier(parcel.carrier);
        let body = oddities::apply(&self.config, writer, parcel, body);
        let id = format!("{number}/{}", parcel.scans().len());
        self.notify(provider, "track", id, body.to_string().into_bytes());
    }
}
