//! `vantage objects setup`: gives the bucket of objects the settings that it should have, or says how it differs.
//!
//! Exit codes: 0 if the bucket is as it should be, 1 if it differs, 2 if that could not be found out or changed.

use std::process::ExitCode;

use anyhow::{Context, bail};
use platform::clock::Clock;
use platform::objects::setup::{BucketSetup, Difference, Setting, SettingState};

use crate::cli::{Objects, ObjectsSetup};
use crate::config::Configuration;
use crate::{error_line, output};

/// It could not look, or not change it.
const FAILED: u8 = 2;

pub(crate) async fn run(command: Objects) -> ExitCode {
    let Objects::Setup(arguments) = command;
    match set_up(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            output::error(&error_line::one_line(&error));
            ExitCode::from(FAILED)
        }
    }
}

/// Returns whether the bucket is now as it should be.
async fn set_up(arguments: &ObjectsSetup) -> anyhow::Result<bool> {
    let configuration = Configuration::load(
        arguments.settings.config.as_deref(),
        std::env::vars_os(),
        &arguments.settings.overrides(None),
    )?;
    let Some(config) = &configuration.objects.s3 else {
        bail!(
            "objects.s3 is not set: objects are files in the data directory, and there is no bucket to set up"
        );
    };
    let retentions = [returns::workers::LABELS];
    let setup = BucketSetup::new(config, &retentions, &Clock::system()).context("objects.s3")?;
    let bucket = &config.bucket;
    if !setup.exists().await.context("objects.s3")? {
        if !arguments.create {
            bail!("there is no bucket {bucket:?}: create it with `vantage objects setup --create`");
        }
        setup.create().await.context("objects.s3")?;
        output::line(&format!("bucket {bucket:?}: created"))?;
    }
    let mut is_same = true;
    for setting in Setting::ALL {
        let mut state = setup.check(setting).await.context("objects.s3")?;
        let mut title = "differs";
        if !arguments.check && matches!(state, SettingState::Different(_)) {
            print(setting, "changed", &state)?;
            state = setup.apply(setting).await.context("objects.s3")?;
            if state == SettingState::Same {
                continue;
            }
            title = "was written, and the store shows something else";
        }
        is_same &= !matches!(state, SettingState::Different(_));
        print(setting, title, &state)?;
    }
    Ok(is_same)
}

/// Prints a setting. `title` is what to say of one that differs.
fn print(setting: Setting, title: &str, state: &SettingState) -> anyhow::Result<()> {
    let name = setting.name();
    match state {
        SettingState::Same => output::line(&format!("{name}: as it should be")),
        SettingState::Different(differences) => {
            output::line(&format!("{name}: {title}"))?;
            for difference in differences {
                output::line(&match difference {
                    Difference::Excess(line) => format!("- {line}"),
                    Difference::Missing(line) => format!("+ {line}"),
                })?;
            }
            Ok(())
        }
        SettingState::Unsupported => {
            output::note(&format!(
                "warning: the store does not support {name}: {}",
                setting.consequence()
            ));
            output::line(&format!("{name}: not supported"))
        }
        SettingState::Unsuitable(reason) => {
            output::note(&format!("warning: {name} is not set: {reason}"));
            output::line(&format!("{name}: not set"))
        }
    }
}
