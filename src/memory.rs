//! Gives memory that is not used any more back to the system, so that a process is as small after an hour of peaks as
//! before.

use std::hint::black_box;
use std::time::Duration;

use platform::supervisor::{Stage, Supervisor};

/// The allocator keeps what was freed for a second, and then looks what is due only when it frees the next page. A process
/// that has come to rest frees none.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The allocator keeps pages of smaller blocks for the next block: this one has a page to itself.
const BLOCK: usize = 4 * 1024 * 1024;

/// Frees a page from time to time. It was never written to, so that it takes no memory.
pub(crate) fn start_giving_back(supervisor: &Supervisor) {
    supervisor.start(Stage::Support, "memory", |stop| async move {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        while stop.run_until_cancelled(looks.tick()).await.is_some() {
            drop(black_box(Vec::<u8>::with_capacity(BLOCK)));
        }
    });
}
