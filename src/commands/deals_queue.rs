//! `vantage deals setup-queue`: gives the queue of deals the attributes that it should have, or says how it differs.
//!
//! Exit codes: 0 if the queue is as it should be, 1 if it differs, 2 if that could not be found out or changed.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use notifications::deals::QUEUE;
use platform::clock::Clock;
use platform::providers::sqs::{AttributeDifference, SqsQueue};

use crate::cli::DealsSetupQueue;
use crate::config::Configuration;
use crate::{error_line, output};

/// It could not look, or not change it.
const FAILED: u8 = 2;

/// Waits before the attributes are read back: a queue needs a moment.
const READ_BACK: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(4),
];

/// The setting that says which queue.
const SECTION: &str = "notifications.deals.sqs";

pub(crate) async fn run(arguments: &DealsSetupQueue) -> ExitCode {
    match set_up(arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            output::error(&error_line::one_line(&error));
            ExitCode::from(FAILED)
        }
    }
}

/// Returns whether the queue is now as it should be.
async fn set_up(arguments: &DealsSetupQueue) -> anyhow::Result<bool> {
    let configuration = Configuration::load(
        arguments.settings.config.as_deref(),
        std::env::vars_os(),
        &arguments.settings.overrides(None),
    )?;
    let Some(config) = &configuration.notifications.deals.sqs else {
        bail!("{SECTION} is not set: deals are in the database, and there is no queue to set up");
    };
    let queue = SqsQueue::new(config, Clock::system()).context(SECTION)?;
    if config.queue_url.scheme() == "http" {
        output::note(
            "warning: the policy is not set: it would refuse plain HTTP, over which queue_url reaches the queue",
        );
    }
    let differences = match compare(&queue).await? {
        Some(differences) => differences,
        None if arguments.create => {
            queue.create(&QUEUE).await.context(SECTION)?;
            output::line("queue: created")?;
            let created = compare(&queue).await?;
            created.context("the queue was created, and has another URL than queue_url")?
        }
        None => {
            bail!("there is no such queue: create it with `vantage deals setup-queue --create`")
        }
    };
    if differences.is_empty() {
        output::line("queue: as it should be")?;
        return Ok(true);
    }
    if arguments.check {
        print("queue: differs", &differences)?;
        return Ok(false);
    }
    print("queue: changed", &differences)?;
    for difference in &differences {
        queue.apply(difference).await.with_context(|| {
            let name = difference.name;
            format!("{SECTION}: {name} could not be changed")
        })?;
    }
    let mut rest = Vec::new();
    for wait in READ_BACK {
        tokio::time::sleep(wait).await;
        rest = compare(&queue).await?.unwrap_or_default();
        if rest.is_empty() {
            return Ok(true);
        }
    }
    print(
        "queue: was changed, and shows something else; it may take a minute, so check again",
        &rest,
    )?;
    Ok(false)
}

async fn compare(queue: &SqsQueue) -> anyhow::Result<Option<Vec<AttributeDifference>>> {
    queue.differences(&QUEUE).await.context(SECTION)
}

fn print(title: &str, differences: &[AttributeDifference]) -> anyhow::Result<()> {
    output::line(title)?;
    for difference in differences {
        let name = difference.name;
        if let Some(present) = &difference.present {
            output::line(&format!("- {name} = {present}"))?;
        }
        if !difference.desired.is_empty() {
            output::line(&format!("+ {name} = {}", difference.desired))?;
        }
    }
    Ok(())
}
