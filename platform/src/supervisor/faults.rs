//! Faults that a test injects into the background tasks of a debug build. Tests name a directory in
//! `VANTAGE_TEST_WORKER_FAULTS`; a file there that is named as a task makes it panic, or end if
//! that is what the file says. The file is removed when it has had its effect.

use std::path::PathBuf;
use std::time::Duration;

const LOOK: Duration = Duration::from_millis(20);

/// What a task is to do, instead of what it does.
enum Fault {
    Panic,
    End,
}

/// Runs `work` until it ends or a fault comes.
pub(super) async fn inject(name: &str, work: impl Future<Output = ()>) {
    let Some(directory) = std::env::var_os("VANTAGE_TEST_WORKER_FAULTS") else {
        return work.await;
    };
    let file = PathBuf::from(directory).join(name);
    tokio::select! {
        () = work => {}
        fault = fault(file) => match fault {
            Fault::Panic => panic!("a test injected this panic"),
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
