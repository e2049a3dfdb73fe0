//! SeaORM entities and their finders, one module for each domain's database. Table names and SQL appear only here and
//! in the migrations; each module is used by its own domain only.

mod batch;
mod insert;
mod keys;
mod lock;
pub mod notifications;
mod numbering;
pub mod orders;
pub mod pricing;
pub mod returns;
mod review_queue;
pub mod search;
mod stored_enum;
pub mod tracking;
pub mod tracking_number;

pub use insert::insert_many;
