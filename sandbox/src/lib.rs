//! Simulators of the third parties EasyPost, Stripe, DHL, FedEx, UPS, Open Exchange Rates, FCM and Twilio, on one address,
//! each under the paths of its real API, and a mail server. Their state is in memory and determined by a seed.

mod calls;
mod carriers;
mod config;
mod control;
mod easypost;
mod exchange_rates;
mod faults;
mod fcm;
mod form;
mod html;
mod ids;
mod middleware;
mod origin_check;
mod parcels;
mod provider;
mod sandbox;
mod smtp;
mod stripe;
mod twilio;
mod warehouse;
mod webhooks;
mod world;

pub use config::Config;
pub use parcels::{Carrier, ExistingParcel, Status};
pub use provider::Provider;
pub use sandbox::Sandbox;
pub use stripe::ExistingPayment;
pub use warehouse::WaitingOrder;
