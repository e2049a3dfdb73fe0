//! `deviceRegister`: registers a device for push messages.

use async_graphql::{Enum, InputObject, SimpleObject};
use entities::notifications::device_token;
use resolvers::user_error::InputError;

/// Devices that a customer may have at a time.
pub(crate) const MAX_DEVICES: u64 = 20;

/// Regions with a deals topic of their own.
pub(crate) const REGIONS: [&str; 3] = ["us", "eu", "apac"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "device_token::DevicePlatform")]
pub(crate) enum DevicePlatform {
    Android,
    Ios,
    Web,
}

#[derive(Clone, Debug, InputObject)]
pub(crate) struct DeviceRegisterInput {
    /// The push service's registration token.
    pub token: String,
    pub platform: DevicePlatform,
    /// `us` (the default), `eu` or `apac`: which deals the device hears.
    pub region: Option<String>,
}

#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct DevicePayload {
    /// Devices the caller has now.
    pub device_tokens: i32,
    pub user_errors: Vec<InputError>,
}

/// Tokens of push services have some 200 bytes. PostgreSQL's indexes hold keys of some 2,700.
const MAX_TOKEN_BYTES: usize = 2048;

/// All errors of the input.
pub(crate) fn check(input: &DeviceRegisterInput) -> Vec<InputError> {
    let mut errors = Vec::new();
    if input.token.trim().is_empty() || input.token.len() > MAX_TOKEN_BYTES {
        errors.push(InputError::new(
            "INVALID_TOKEN",
            "A device token has 1 to 2048 bytes",
            &["input", "token"],
        ));
    }
    if let Some(region) = &input.region
        && !REGIONS.contains(&region.as_str())
    {
        errors.push(InputError::new(
            "INVALID_REGION",
            "The region is one of us, eu, apac",
            &["input", "region"],
        ));
    }
    errors
}
