//! The bus within the process.

use platform::bus::InProcessBus;

use super::*;
use crate::contract::{Views, contract};

fn views() -> Option<Views> {
    let bus = Arc::new(InProcessBus::new());
    Some(Views {
        here: bus.clone(),
        there: bus,
    })
}

contract!(views);
