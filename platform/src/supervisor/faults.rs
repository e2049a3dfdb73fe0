//! Fault injection into background tasks, in debug builds. Tests name a directory in `VANTAGE_TEST_WORKER_FAULTS`; a
//! file in it named like a task makes that task panic, or return if the file says so. The file is removed once it takes
//! effect.

use std::path::PathBuf;
use std::time::Duration;

const LOOK: Duration = Duration::from_millis(20);

/// A fault to inject instead of the task's work.
enum Fault {
    Panic,
    End,
}

/// Runs `work` until it returns or a fault is injected.
pub(super) async fn inject(name: &str, work: impl Future<Output = ()>) {
    let Some(directory) = std::env::var_os("VANTAGE_TEST_WORKER_FAULTS") else {
        return work.await;
    };
    let file = PathBuf::from(directory).join(name);
    tokio::select! {
        () = work => {}
        fault = fault(file) => match fault {
            Fault::Panic => panic!("a panic injected by a test"),
            Fault::End => {}
        },
    }
}

async fn fault(file: PathBuf) -> Fault {
    loop {
        if let Ok(text) = std::fs::read_to_string(&file)
            && std::fs::remove_file(&file).is_ok()
        {
            return if text.trim() == "end" {
                Fault::End
            } else {
                Fault::Panic
            };
        }
        tokio::time::sleep(LOOK).await;
    }
}
