//! Returns unused memory to the system, so that a process does not stay large after a peak.

use std::hint::black_box;
use std::time::Duration;

use platform::supervisor::{Stage, Supervisor};

/// The allocator keeps freed memory for a second, and checks what is due only when the next page is freed. An idle
/// process frees none.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Pages of smaller blocks are kept for reuse; a block of this size has its own page.
const BLOCK: usize = 4 * 1024 * 1024;

/// Frees a page periodically. It is never written to, so it takes no memory.
pub(crate) fn start_giving_back(supervisor: &Supervisor) {
    supervisor.start(Stage::Support, "memory", |stop| async move {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        while stop.run_until_cancelled(looks.tick()).await.is_some() {
            drop(black_box(Vec::<u8>::with_capacity(BLOCK)));
        }
    });
}
