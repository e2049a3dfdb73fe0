//! Confines a panic to the work that caused it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt;

/// Runs the work, or returns the message of its panic. What the work shares with others must protect itself.
pub async fn catch<T>(work: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .map_err(|panic| message(&*panic).to_owned())
}

/// Like [`catch`], for work that does not wait.
pub fn catch_now<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| message(&*panic).to_owned())
}

/// A panic's message.
pub fn message(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "without a message"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_its_message() {
        assert_eq!(catch(async { 1 }).await, Ok(1));
        let number = 7;
        let formatted = catch(async { panic!("number {number}") }).await;
        assert_eq!(formatted, Err::<(), _>("number 7".to_owned()));
        assert_eq!(
            catch_now(|| panic!("plain")),
            Err::<(), _>("plain".to_owned())
        );
        let other = catch_now(|| std::panic::panic_any(7));
        assert_eq!(other, Err::<(), _>("without a message".to_owned()));
    }
}
