//! Build information and resource usage: memory, processor time, file descriptors.

use metrics::{describe_gauge, gauge};
use metrics_process::Collector;

/// Collects the process's metrics when they are scraped.
#[derive(Clone, Debug)]
pub(super) struct Process(Collector);

impl Process {
    /// Registers the metrics and the build information.
    pub(super) fn describe(version: &'static str) -> Self {
        describe_gauge!(
            "vantage_build_info",
            "Build information in labels; always 1."
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
