//! `deviceRegister`: registers a device for push messages.

use async_graphql::{Enum, InputObject, SimpleObject};
use entities::notifications::{customer_settings, device_token, erased_customer};
use resolvers::user_error::{InputError, UserErrorCode};
use resolvers::{ApiError, ApiResult};

use crate::notification_preferences::DEFAULT_TIMEZONE;
use crate::topic_change::TopicChange;
use crate::topic_membership::TopicRecorder;

/// Maximum number of devices per customer.
pub(crate) const MAX_DEVICES: u64 = 20;

/// Regions with their own deals topic.
pub(crate) const REGIONS: [&str; 3] = ["us", "eu", "apac"];

/// The platform of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "device_token::DevicePlatform")]
pub(crate) enum DevicePlatform {
    /// An app on Android.
    Android,
    /// An app on iOS or iPadOS.
    Ios,
    /// A web browser.
    Web,
}

/// A device that receives push messages.
#[derive(Clone, Debug, InputObject)]
pub(crate) struct DeviceRegisterInput {
    /// The push service's registration token, at most 2,048 bytes.
    pub token: String,
    /// The device's platform.
    pub platform: DevicePlatform,
    /// The region whose deals the device receives: `us` (the default), `eu` or `apac`.
    pub region: Option<String>,
}

/// The outcome of `deviceRegister` and `deviceUnregister`.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct DevicePayload {
    /// How many devices the caller has now.
    pub device_tokens: i32,
    /// The push topics that the caller's devices joined or left.
    pub topic_changes: Vec<TopicChange>,
    /// Why the device was not registered; otherwise empty.
    pub user_errors: Vec<InputError>,
}

/// Push services' tokens have about 200 bytes. PostgreSQL's index keys can have about 2,700.
const MAX_TOKEN_BYTES: usize = 2048;

/// All errors of the input.
pub(crate) fn check(input: &DeviceRegisterInput) -> Vec<InputError> {
    let mut errors = Vec::new();
    if input.token.trim().is_empty() || input.token.len() > MAX_TOKEN_BYTES {
        errors.push(InputError::new(
            UserErrorCode::InvalidToken,
            "A device token must have 1 to 2048 bytes",
            &["input", "token"],
        ));
    }
    if let Some(region) = &input.region
        && !REGIONS.contains(&region.as_str())
    {
        errors.push(InputError::new(
            UserErrorCode::InvalidRegion,
            "The region must be one of us, eu, apac",
            &["input", "region"],
        ));
    }
    errors
}

/// Registers the device, removes those that are too many, and records the topics of both. Apps register by themselves
/// whenever they start, so this is not how a customer who was erased asks for messages again.
pub(crate) async fn register(
    recorder: &TopicRecorder<'_>,
    device: device_token::Model,
) -> ApiResult<Vec<TopicChange>> {
    let (transaction, customer) = (recorder.transaction, recorder.customer);
    customer_settings::lock(transaction, customer, DEFAULT_TIMEZONE).await?;
    if erased_customer::exists(transaction, customer).await? {
        return Err(ApiError::forbidden(
            "Your data were deleted: turn on the notifications that you want before you register a device",
        ));
    }
    device_token::upsert(transaction, device.clone()).await?;
    let removed = device_token::forget_oldest(transaction, customer, MAX_DEVICES).await?;
    let mut changes = recorder.record_device(&device).await?;
    if !removed.is_empty() {
        changes.extend(recorder.remove_devices(&removed).await?);
    }
    Ok(changes.into_iter().map(TopicChange::from).collect())
}
