//! Waiting for a state instead of a fixed time.

use std::fmt::Debug;
use std::time::Duration;

/// Long enough for a debug build on a busy machine; only failures wait this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);
const PAUSE: Duration = Duration::from_millis(20);

/// Polls until there is a result.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking)
        .await
        .unwrap_or_else(|_| panic!("timed out waiting until {what}"))
}

/// Polls until `is` holds for the result.
pub(crate) async fn until_it<T: Debug>(ask: impl AsyncFn() -> T, is: impl Fn(&T) -> bool) -> T {
    let asking = async {
        loop {
            let answer = ask().await;
            if is(&answer) {
                return answer;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(answer) => answer,
        Err(_) => panic!("timed out; the last state was {:#?}", ask().await),
    }
}
