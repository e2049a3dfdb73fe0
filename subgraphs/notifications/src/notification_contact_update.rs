//! `notificationContactUpdate`: the language of messages, and the number for text messages.

use async_graphql::{Context, InputObject, MaybeUndefined, SimpleObject};
use entities::notifications::{customer_settings, erased_customer};
use resolvers::money_format::preferred_language;
use resolvers::user_error::{InputError, UserErrorCode};
use resolvers::{ApiResult, access};

use crate::State;
use crate::notification_preferences::DEFAULT_TIMEZONE;

/// What to change. What is absent stays as it is.
#[derive(Clone, Debug, InputObject)]
pub(crate) struct NotificationContactUpdateInput {
    /// The language of messages, as a BCP 47 tag such as "de-AT". Null: the one that the first order was placed in.
    pub locale: MaybeUndefined<String>,
    /// The number for text messages in international form, such as "+14155552671". Null: none, and no text messages.
    pub phone_number: MaybeUndefined<String>,
}

/// The outcome of `notificationContactUpdate`.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct NotificationContactUpdatePayload {
    /// The language of messages now, also if nothing was changed; null if it is not known, which makes it English.
    pub locale: Option<String>,
    /// The number for text messages now, also if nothing was changed; null if there is none.
    pub phone_number: Option<String>,
    /// Why nothing was changed; otherwise empty.
    pub user_errors: Vec<InputError>,
}

/// The longest tag that is stored.
const LONGEST_LOCALE: usize = 35;

pub(crate) async fn update(
    context: &Context<'_>,
    input: NotificationContactUpdateInput,
) -> ApiResult<NotificationContactUpdatePayload> {
    let customer = access::customer(context)?;
    let mut user_errors = Vec::new();
    let locale = change(input.locale, |tag| locale(&tag)).unwrap_or_else(|()| {
        user_errors.push(InputError::new(
            UserErrorCode::InvalidLocale,
            "The language must be a tag such as de or de-AT",
            &["input", "locale"],
        ));
        None
    });
    let phone = change(input.phone_number, |number| phone(&number)).unwrap_or_else(|()| {
        user_errors.push(InputError::new(
            UserErrorCode::InvalidPhoneNumber,
            "The number must be in international form, such as +14155552671",
            &["input", "phoneNumber"],
        ));
        None
    });
    let state = context.data_unchecked::<State>();
    if !user_errors.is_empty() {
        let db = state.database.write();
        let mut settings = customer_settings::of_customers(db, &[customer]).await?;
        let saved = settings.remove(&customer);
        return Ok(NotificationContactUpdatePayload {
            locale: saved.as_ref().and_then(|row| row.locale.clone()),
            phone_number: saved.and_then(|row| row.phone),
            user_errors,
        });
    }
    let is_set = matches!(locale, Some(Some(_))) || matches!(phone, Some(Some(_)));
    let transaction = state.database.begin().await?;
    let row = customer_settings::set_contact(
        &transaction,
        customer,
        locale,
        phone,
        DEFAULT_TIMEZONE,
        state.clock.now(),
    )
    .await?;
    if is_set {
        // A customer who was erased asks for messages again.
        erased_customer::delete(&transaction, customer).await?;
    }
    transaction.commit().await?;
    Ok(NotificationContactUpdatePayload {
        locale: row.locale,
        phone_number: row.phone,
        user_errors,
    })
}

/// The change of a value, which `read` checks: `None` keeps it, `Some(None)` clears it.
fn change(
    value: MaybeUndefined<String>,
    read: impl FnOnce(String) -> Option<String>,
) -> Result<Option<Option<String>>, ()> {
    match value {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Null => Ok(Some(None)),
        MaybeUndefined::Value(value) => read(value).map(|value| Some(Some(value))).ok_or(()),
    }
}

fn locale(tag: &str) -> Option<String> {
    let is_one = tag.len() <= LONGEST_LOCALE && !tag.contains([',', ';']);
    is_one.then(|| preferred_language(tag)).flatten()
}

/// In the form of E.164.
fn phone(number: &str) -> Option<String> {
    let plain: String = number
        .chars()
        .filter(|character| !" -().".contains(*character))
        .collect();
    let digits = plain.strip_prefix('+')?;
    let is_number = (7..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    is_number.then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_stored_in_one_form() {
        for (written, stored) in [
            ("+14155552671", Some("+14155552671")),
            ("+49 (30) 901-820", Some("+4930901820")),
            ("4155552671", None),
            ("+0155552671", None),
            ("+123", None),
            ("+1234567890123456", None),
            ("+1415555267x", None),
            ("", None),
        ] {
            assert_eq!(phone(written).as_deref(), stored, "{written}");
        }
    }

    #[test]
    fn languages_are_stored_as_their_tag() {
        for (written, stored) in [
            ("de", Some("de")),
            ("DE-at", Some("de-AT")),
            ("zh-Hant-TW", Some("zh-Hant-TW")),
            ("de,en", None),
            ("not a language", None),
            ("", None),
        ] {
            assert_eq!(locale(written).as_deref(), stored, "{written}");
        }
    }
}
