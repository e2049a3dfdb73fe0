//! The notifications domain: settings, devices, and messages about orders.

use std::ops::Range;

use chrono::{Duration, NaiveTime};
use entities::notifications::device_token::DevicePlatform;
use entities::notifications::notification::DeliveryStatus;
use entities::notifications::preference::{NotificationCategory, NotificationChannel};
use entities::notifications::{customer_settings, device_token, notification, preference};
use platform::database::{Database, DatabaseTransaction};
use resolvers::id::order_number;

use super::{chunks, insert, is_written};
use crate::demo::orders::Order;
use crate::demo::{Plan, Progress, Stream};

pub(super) async fn write(
    database: Database,
    plan: Plan,
    progress: Progress,
) -> anyhow::Result<()> {
    for chunk in chunks(0, plan.customers) {
        write_customers(&database, &plan, &progress, chunk).await?;
    }
    for chunk in plan.chunks() {
        let count = chunk.len();
        let orders = chunk.map(|index| plan.order(index));
        let rows: Vec<_> = orders.flat_map(|order| messages(&order, &plan)).collect();
        let transaction = database.begin().await?;
        if !is_known(&transaction, &rows).await? {
            let rows = insert::<notification::Entity>(&transaction, rows).await?;
            transaction.commit().await?;
            progress.add_rows(rows);
        }
        progress.add_orders(count);
    }
    Ok(())
}

/// Whether an interrupted run has written these.
async fn is_known(
    transaction: &DatabaseTransaction,
    rows: &[notification::Model],
) -> anyhow::Result<bool> {
    let Some(last) = rows.last() else {
        return Ok(false);
    };
    let found = notification::by_id(transaction, last.id).await?;
    is_written(found.map(|found| found.customer_id), last.customer_id)
}

/// Writes the settings and the devices of these customers.
async fn write_customers(
    database: &Database,
    plan: &Plan,
    progress: &Progress,
    chunk: Range<u32>,
) -> anyhow::Result<()> {
    let since = plan.now - Duration::days(90);
    let (mut settings, mut cells, mut devices) = (Vec::new(), Vec::new(), Vec::new());
    for index in chunk {
        let customer = plan.customer(index);
        settings.push(customer_settings::Model {
            customer_id: customer.id,
            timezone: customer.place.timezone.to_owned(),
            updated_at: since,
            locale: None,
            phone: None,
        });
        // Every third customer has quiet hours, including the demo customer.
        if index % 3 == 0 {
            cells.push(preference::Model {
                customer_id: customer.id,
                channel: NotificationChannel::Push,
                category: NotificationCategory::Deals,
                enabled: true,
                quiet_hours_start: NaiveTime::from_hms_opt(22, 0, 0),
                quiet_hours_end: NaiveTime::from_hms_opt(7, 0, 0),
                updated_at: since,
                migrated: false,
            });
        }
        for (device, platform) in [
            ("phone", DevicePlatform::Ios),
            ("browser", DevicePlatform::Web),
        ] {
            devices.push(device_token::Model {
                token: format!("demo-{device}-{index}"),
                customer_id: customer.id,
                platform,
                region: customer.place.deals_region.to_owned(),
                created_at: since,
                topics_set_at: None,
            });
        }
    }
    let transaction = database.begin().await?;
    let Some(last) = settings.last().map(|last| last.customer_id) else {
        return Ok(());
    };
    let found = customer_settings::of_customers(&transaction, &[last]).await?;
    if found.is_empty() {
        let rows = insert::<customer_settings::Entity>(&transaction, settings).await?
            + insert::<preference::Entity>(&transaction, cells).await?
            + insert::<device_token::Entity>(&transaction, devices).await?;
        transaction.commit().await?;
        progress.add_rows(rows);
    }
    Ok(())
}

/// The messages about an order: a mail for each step.
fn messages(order: &Order, plan: &Plan) -> Vec<notification::Model> {
    let number = order_number(order.id);
    let steps = [
        (
            order.confirmed_at,
            "Order confirmed",
            "We have received your payment",
        ),
        (
            order.shipped_at,
            "Order shipped",
            "Your parcel is on its way",
        ),
        (
            order.delivered_at,
            "Order delivered",
            "Your parcel has arrived",
        ),
        (
            order.cancelled_at,
            "Order cancelled",
            "Your order was cancelled",
        ),
    ];
    steps
        .into_iter()
        .zip(0_u64..)
        .filter_map(|((at, title, body), position)| {
            let at = at?;
            let (channel, category) = (NotificationChannel::Email, NotificationCategory::Orders);
            Some(notification::Model {
                // A customer's list is sorted by id, so the newest message comes first.
                id: plan.id_at(
                    Stream::Notification,
                    u64::from(order.index) * 4 + position,
                    u64::try_from(at.timestamp_millis()).unwrap_or_default(),
                ),
                order_id: Some(order.id),
                title: title.to_owned(),
                body: format!("{body}: order {number}."),
                deep_link: Some(format!("vantage://orders/{}", order.number())),
                status: DeliveryStatus::Sent,
                sent_at: Some(at),
                ..notification::Model::new(order.customer.id, channel, category, at)
            })
        })
        .collect()
}
