//! Process statistics from the kernel.

use std::time::Duration;

use anyhow::Context;

/// Resident memory in bytes.
pub(crate) fn memory(id: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes: u64 = kilobytes.context("no VmRSS")?.parse()?;
    Ok(kilobytes * 1024)
}

/// Processor time used by its threads so far.
pub(crate) fn cpu(id: u32) -> anyhow::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir(format!("/proc/{id}/task"))? {
        let usage = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        let running = usage.split(' ').next().context("no schedstat")?;
        nanoseconds += running.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}
