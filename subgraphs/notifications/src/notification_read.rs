//! `notificationRead`: marks messages as read.

use async_graphql::{Context, ID, SimpleObject};
use entities::notifications::notification;
use resolvers::id::IdKind;
use resolvers::user_error::InputError;
use resolvers::{ApiError, ApiResult, access};

use crate::State;

/// Maximum number of messages marked at once: the longest page of a list.
const MOST: usize = 100;
/// Characters of an id that an error shows: all of a valid one.
const LONGEST_ID: usize = 40;

/// The outcome of `notificationRead`.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct NotificationReadPayload {
    /// How many of the messages had not been read before.
    pub read: i32,
    /// How many of the caller's messages are not read now.
    pub unread: i32,
    /// Why nothing was marked; otherwise empty.
    pub user_errors: Vec<InputError>,
}

pub(crate) async fn mark(context: &Context<'_>, ids: &[ID]) -> ApiResult<NotificationReadPayload> {
    let customer = access::customer(context)?;
    if ids.len() > MOST {
        return Err(ApiError::bad_user_input(format!(
            "ids can have at most {MOST} elements"
        )));
    }
    let ids = ids
        .iter()
        .enumerate()
        .map(|(index, id)| IdKind::Notification.argument(&place(index, id), id))
        .collect::<ApiResult<Vec<_>>>()?;
    let state = context.data_unchecked::<State>();
    let db = state.database.write();
    let read = notification::set_read(db, customer, &ids, state.clock.now()).await?;
    let unread = notification::count(db, customer, &notification::Filter::unread()).await?;
    Ok(NotificationReadPayload {
        read: i32::try_from(read).unwrap_or(i32::MAX),
        unread: i32::try_from(unread).unwrap_or(i32::MAX),
        user_errors: Vec::new(),
    })
}

/// Which of the ids an error is about, with its beginning: an id may be any text.
fn place(index: usize, id: &ID) -> String {
    let shown: String = id.chars().take(LONGEST_ID).collect();
    format!("ids.{index} ({shown:?})")
}
