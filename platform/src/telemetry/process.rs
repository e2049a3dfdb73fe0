//! What a process is made of and what it uses: build information, memory, processor time, descriptors.

use metrics::{describe_gauge, gauge};
use metrics_process::Collector;

/// Reads the process's figures whenever they are shown.
#[derive(Clone, Debug)]
pub(super) struct Process(Collector);

impl Process {
    /// Describes the figures, and shows which build this is.
    pub(super) fn describe(version: &'static str) -> Self {
        describe_gauge!(
            "vantage_build_info",
            "The build that runs, in labels; always 1."
        );
        let profile = if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        };
        gauge!(
            "vantage_build_info",
            "version" => version,
            "profile" => profile,
            "target" => target(),
        )
        .set(1.0);
        let collector = Collector::default();
        collector.describe();
        Self(collector)
    }

    pub(super) fn collect(&self) {
        self.0.collect();
    }
}

fn target() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}
