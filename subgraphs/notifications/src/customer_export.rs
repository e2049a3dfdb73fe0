//! What is stored of a customer here, for an export.

use entities::notifications::{
    customer_settings, deal_queue, device_token, erased_customer, legacy_preference, notification,
    preference, topic_membership,
};
use platform::database::ReadTransaction;
use resolvers::export::{Export, ExportError, PAGE};
use resolvers::id::IdKind;
use serde_json::{Value, json};
use uuid::Uuid;

/// Writes everything that is stored of the customer.
///
/// # Errors
/// A database that cannot be read, or an output that cannot be written.
pub async fn export(
    db: &ReadTransaction,
    customer: Uuid,
    export: &mut Export<'_>,
) -> Result<(), ExportError> {
    export_choices(db, customer, export).await?;
    let mut before = None;
    loop {
        let all = notification::Filter::default();
        let page = notification::page(db, customer, &all, before, PAGE).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        for row in &page {
            export.row("messages", &message_row(row))?;
        }
    }
    let mut after = None;
    loop {
        let page = deal_queue::waiting_of_customer(db, customer, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.notification_id);
        for row in &page {
            export.row("deals", &deal_row(row))?;
        }
    }
}

/// What the customer has chosen, and their devices, of which there are few.
async fn export_choices(
    db: &ReadTransaction,
    customer: Uuid,
    export: &mut Export<'_>,
) -> Result<(), ExportError> {
    let one = [customer];
    if erased_customer::exists(db, customer).await? {
        let row = json!({ "reason": "erased, and has asked for no messages since" });
        export.row("blocked", &row)?;
    }
    for row in customer_settings::of_customers(db, &one).await?.values() {
        let row = json!({
            "timezone": row.timezone,
            "locale": row.locale,
            "phone": row.phone,
            "updatedAt": row.updated_at,
        });
        export.row("settings", &row)?;
    }
    let cells = preference::of_customers(db, &one).await?;
    for cell in cells.values().flatten() {
        let row = json!({
            "channel": cell.channel,
            "category": cell.category,
            "enabled": cell.enabled,
            "quietHoursStart": cell.quiet_hours_start,
            "quietHoursEnd": cell.quiet_hours_end,
            "updatedAt": cell.updated_at,
            "migrated": cell.migrated,
        });
        export.row("preferences", &row)?;
    }
    if let Some(row) = legacy_preference::find(db, customer).await? {
        let row = json!({
            "emailNotifications": row.email_notifications,
            "smsNotifications": row.sms_notifications,
        });
        export.row("legacyPreferences", &row)?;
    }
    let devices = device_token::of_customer(db, customer).await?;
    let tokens: Vec<String> = devices.iter().map(|device| device.token.clone()).collect();
    let mut topics = topic_membership::of_tokens(db, &tokens).await?;
    for device in &devices {
        let topics = topics.remove(&device.token).unwrap_or_default();
        let topics = topics.iter().filter(|row| row.subscribed);
        let topics: Vec<&str> = topics.map(|row| row.topic.as_str()).collect();
        let row = json!({
            "token": device.token,
            "platform": device.platform,
            "region": device.region,
            "topics": topics,
            "registeredAt": device.created_at,
        });
        export.row("devices", &row)?;
    }
    Ok(())
}

fn message_row(row: &notification::Model) -> Value {
    json!({
        "id": IdKind::Notification.format(row.id),
        "orderId": row.order_id.map(|id| IdKind::Order.format(id)),
        "returnId": row.return_id.map(|id| IdKind::Return.format(id)),
        "category": row.category,
        "channel": row.channel,
        "template": row.template,
        "title": row.title,
        "body": row.body,
        "data": row.data,
        "deepLink": row.deep_link,
        "status": row.status,
        "reason": row.reason,
        "provider": row.provider,
        "providerId": row.provider_id,
        "createdAt": row.created_at,
        "scheduledFor": row.scheduled_for,
        "sentAt": row.sent_at,
        "readAt": row.read_at,
        "textsDeletedAt": row.body_deleted_at,
    })
}

fn deal_row(row: &deal_queue::Model) -> Value {
    json!({
        "messageId": IdKind::Notification.format(row.notification_id),
        "channel": row.channel,
        "dueAt": row.due_at,
        "windowStart": row.window_start,
        "windowEnd": row.window_end,
    })
}
