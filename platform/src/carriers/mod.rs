//! What carriers' reports have in common, whoever passes them on: times and places.

mod moment;
mod place;

pub use moment::Moment;
pub use place::Place;
