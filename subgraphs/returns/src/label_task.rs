//! The task that buys a return's label at EasyPost, stores it in the object store and creates a link.
//!
//! Each step is recorded before the next begins. The shipment is recorded before it is bought, because a shipment can
//! only be bought once. So an interrupted task resumes where it was and buys nothing twice.

use std::time::Duration;

use chrono::{DateTime, Utc};
use entities::returns::{customer_return, return_decision};
use entities::tracking_number;
use platform::objects::ObjectKey;
use platform::providers::easypost::{self, Address, Easypost, EasypostError, NewReturn, Shipment};
use platform::tasks::enqueue;
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use resolvers::{ApiError, ApiResult};
use uuid::Uuid;

use crate::State;
use crate::label_estimate;
use crate::label_rate::{self, Choice, Requested};
use crate::order_payment::OrderPayment;
use crate::return_parcel::{ReturnParcel, WAREHOUSE_COUNTRY};
use crate::rules::status::ReturnStatus;
use crate::tasks::{Step, TaskError, return_task};
use crate::transitions::{self, Actor, Label, ReviewReason, Transition};
use crate::void_task::VoidLabel;

/// The folder of labels in the object store.
pub(crate) const FOLDER: &str = "vantage-return-labels";

/// How long the link to a label is valid.
const LINK_TTL: Duration = Duration::from_secs(14 * 24 * 60 * 60);

const RETURN_ADDRESS: &str =
    "Vantage Commerce Returns Center, 500 Warehouse Drive, Louisville KY 40218";

fn warehouse(phone: &str) -> Address {
    Address {
        company: Some("Vantage Commerce Returns Center".to_owned()),
        street1: "500 Warehouse Drive".to_owned(),
        city: "Louisville".to_owned(),
        state: Some("KY".to_owned()),
        zip: "40218".to_owned(),
        country: WAREHOUSE_COUNTRY.to_owned(),
        phone: Some(phone.to_owned()),
        ..Address::default()
    }
}

return_task!(
    /// Buys and stores a return's label.
    BuyLabel,
    "label",
    generate
);

/// Creates the label, or sends the return to manual review if none can be bought.
pub(crate) async fn generate(state: &State, id: Uuid) -> Result<Step, TaskError> {
    let row = customer_return::by_id(state.database.read(), id).await?;
    let Some(row) = row.filter(is_initiated) else {
        return Ok(Step::Done);
    };
    let easypost = state
        .easypost
        .as_ref()
        .ok_or(TaskError::NoProvider("easypost"))?;
    match buy(state, easypost, &row).await {
        Ok(LabelPurchase::Label(label)) => store(state, easypost, id, &label).await,
        Ok(LabelPurchase::Review(reason)) => review(state, id, reason).await,
        Ok(LabelPurchase::NotNeeded) => Ok(Step::Done),
        Err(TaskError::Easypost(error)) if error.is_final() => {
            tracing::error!(return_id = IdKind::Return.format(id), %error, "label refused");
            review(state, id, ReviewReason::LabelRefused).await
        }
        Err(error) => Err(error),
    }
}

fn is_initiated(row: &customer_return::Model) -> bool {
    row.status == ReturnStatus::Initiated
}

enum LabelPurchase {
    Label(Box<easypost::Label>),
    Review(ReviewReason),
    /// The return was cancelled in the meantime.
    NotNeeded,
}

async fn buy(
    state: &State,
    easypost: &Easypost,
    row: &customer_return::Model,
) -> Result<LabelPurchase, TaskError> {
    let shipment = match &row.label_shipment_id {
        Some(shipment) => easypost.shipment(shipment).await?,
        None => match create(state, easypost, row).await? {
            Some(shipment) => shipment,
            None => return Ok(LabelPurchase::NotNeeded),
        },
    };
    if shipment.is_bought() {
        return Ok(LabelPurchase::Label(Box::new(shipment.label()?)));
    }
    let decided = return_decision::latest(state.database.read(), row.id).await?;
    let requested = decided
        .as_ref()
        .map_or_else(Requested::default, Requested::of);
    Ok(
        match label_rate::choose(&shipment.rates, &requested, &state.label_rules) {
            Choice::Buy(rate) => {
                LabelPurchase::Label(Box::new(easypost.buy(&shipment.id, &rate.id).await?))
            }
            Choice::Implausible(rate) => {
                let return_id = IdKind::Return.format(row.id);
                tracing::warn!(return_id, rate = %rate.rate, "label rate not plausible");
                LabelPurchase::Review(ReviewReason::LabelRate)
            }
            Choice::None => LabelPurchase::Review(ReviewReason::LabelRate),
        },
    )
}

/// Creates the shipment and records its id. The first recorded one counts; one created concurrently by another process
/// costs nothing and is dropped.
async fn create(
    state: &State,
    easypost: &Easypost,
    row: &customer_return::Model,
) -> Result<Option<Shipment>, TaskError> {
    let order = OrderPayment::of(state, row.customer_id, row.order_id).await?;
    let made = ReturnParcel::of(state, row, &order).await?;
    let phone = &state.label_rules.phone;
    let new = NewReturn {
        warehouse: &warehouse(phone),
        customer: &order.address(phone),
        parcel: made.parcel,
        customs: made.customs.as_ref(),
        reference: &IdKind::Return.format(row.id),
    };
    let shipment = easypost.create_return(&new).await?;
    let now = state.clock.now();
    let rate = label_estimate::seen(
        &shipment,
        order.country(),
        made.pounds,
        &state.label_rules,
        now,
    );

    let transaction = state.database.begin().await?;
    let locked = customer_return::lock(&transaction, row.id).await?;
    let Some(mut row) = locked.filter(is_initiated) else {
        return Ok(None);
    };
    if let Some(first) = row.label_shipment_id {
        transaction.rollback().await;
        return Ok(Some(easypost.shipment(&first).await?));
    }
    row.label_shipment_id = Some(shipment.id.clone());
    transitions::update(&transaction, &row).await?;
    entities::returns::label_rate::write(&transaction, rate.into_iter().collect()).await?;
    transaction.commit().await?;
    Ok(Some(shipment))
}

/// Stores the file and attaches the label to the return, or voids the label if the return was cancelled.
async fn store(
    state: &State,
    easypost: &Easypost,
    id: Uuid,
    bought: &easypost::Label,
) -> Result<Step, TaskError> {
    let cents = bought
        .rate
        .cents()
        .ok_or_else(|| EasypostError::Incomplete(bought.shipment.clone()))?;
    let key = object(id)?;
    let file = easypost.download(bought).await?;
    state.labels.objects().put(&key, file).await?;
    let (url, expires_at) = state.labels.link(&key, LINK_TTL).await?;
    let label = Label {
        shipment_id: bought.shipment.clone(),
        object: key.to_string(),
        url: url.into(),
        carrier: bought.rate.carrier.clone(),
        tracking_number: tracking_number::normalized(&bought.tracking_code),
        cost: Money::new(cents, CurrencyCode::Usd),
        return_address: RETURN_ADDRESS.to_owned(),
        expires_at,
    };

    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    let Some(row) = customer_return::lock(&transaction, id).await? else {
        return Ok(Step::Done);
    };
    if row.status == ReturnStatus::Cancelled {
        enqueue(&transaction, &VoidLabel { return_id: id }, now, now).await?;
    } else if is_initiated(&row) {
        let made = Transition::LabelGenerated(label);
        transitions::advance(&transaction, row, &made, Actor::System, now).await?;
    }
    transaction.commit().await?;
    Ok(Step::Done)
}

/// Creates a new link for a label that is still needed if its link has expired, provided the file exists.
pub(crate) async fn renew_link(
    state: &State,
    row: customer_return::Model,
) -> ApiResult<customer_return::Model> {
    let now = state.clock.now();
    if !has_expired_link(&row, now) {
        return Ok(row);
    }
    let key = object(row.id).map_err(ApiError::internal)?;
    let file = state.labels.objects().get(&key).await;
    if file.map_err(ApiError::internal)?.is_none() {
        return Ok(row);
    }
    let link = state.labels.link(&key, LINK_TTL).await;
    let (url, expires_at) = link.map_err(ApiError::internal)?;
    let transaction = state.database.begin().await?;
    let Some(mut row) = customer_return::lock(&transaction, row.id).await? else {
        return Ok(row);
    };
    if has_expired_link(&row, now) {
        row.label_url = Some(url.into());
        row.label_expires_at = Some(expires_at);
        customer_return::change(&transaction, row.status, row.clone()).await?;
        transaction.commit().await?;
    }
    Ok(row)
}

fn has_expired_link(row: &customer_return::Model, now: DateTime<Utc>) -> bool {
    let is_needed = row.status == ReturnStatus::LabelGenerated;
    is_needed && row.label_expires_at.is_some_and(|at| at <= now)
}

/// The object key of a return's label.
pub(crate) fn object(id: Uuid) -> Result<ObjectKey, TaskError> {
    let id = IdKind::Return.format(id);
    ObjectKey::new(format!("{FOLDER}/{id}/label.pdf"))
        .map_err(|error| TaskError::Refused(error.to_string()))
}

async fn review(state: &State, id: Uuid, reason: ReviewReason) -> Result<Step, TaskError> {
    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    if let Some(row) = customer_return::lock(&transaction, id)
        .await?
        .filter(is_initiated)
    {
        let review = Transition::ManualReview(reason);
        transitions::advance(&transaction, row, &review, Actor::System, now).await?;
    }
    transaction.commit().await?;
    Ok(Step::Done)
}
