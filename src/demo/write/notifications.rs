//! The notifications domain: settings, devices, and messages about orders.

use chrono::{Duration, NaiveTime};
use entities::insert_many;
use entities::notifications::device_token::DevicePlatform;
use entities::notifications::notification::DeliveryStatus;
use entities::notifications::preference::{NotificationCategory, NotificationChannel};
use entities::notifications::{customer_settings, device_token, notification, preference};
use platform::database::Database;
use resolvers::id::order_number;
use sea_orm::EntityTrait;

use super::Plan;
use crate::demo::Stream;
use crate::demo::orders::Order;

pub(super) async fn write(database: &Database, plan: &Plan) -> anyhow::Result<()> {
    let transaction = database.begin().await?;
    if customer_settings::Entity::find()
        .one(&transaction)
        .await?
        .is_some()
    {
        return Ok(());
    }
    let since = plan.now - Duration::days(90);
    let (mut settings, mut cells, mut devices) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..plan.customers() {
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
    insert_many::<customer_settings::Entity>(&transaction, settings).await?;
    insert_many::<preference::Entity>(&transaction, cells).await?;
    insert_many::<device_token::Entity>(&transaction, devices).await?;
    for chunk in plan.chunks() {
        let rows = chunk
            .map(|index| plan.order(index))
            .flat_map(|order| messages(&order, plan));
        insert_many::<notification::Entity>(&transaction, rows.collect()).await?;
    }
    transaction.commit().await?;
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
