//! `dealSchedule`: its input and payload.

use std::collections::HashSet;
use std::sync::Arc;

use async_graphql::{Enum, ID, InputObject, SimpleObject};
use chrono::Utc;
use resolvers::id::IdKind;
use resolvers::scalars::DateTime;
use resolvers::user_error::{InputError, UserErrorCode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::deal_schedule::{DealText, NewDeal, Plan};
use crate::rules::deal::{
    self as rules, DealProblem, DealProblemKind, MAX_CUSTOMERS, NotScheduled, Texts,
};

/// Which deals are sent first, if many are due. A customer's deals are always sent in the order in which they were
/// scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
#[graphql(remote = "rules::Priority")]
pub(crate) enum DealPriority {
    /// After those of high priority.
    Normal,
    /// First.
    High,
}

/// A deal to send to customers as a push message.
#[derive(Clone, Debug, Serialize, InputObject)]
pub(crate) struct DealScheduleInput {
    /// The customers who get it, `usr_…`: 1 to 1,000, each once.
    pub customer_ids: Vec<ID>,
    /// The headline, of at most 120 characters.
    pub title: String,
    /// The text, of at most 1,000 characters.
    pub body: String,
    /// The place that it opens, `vantage://…` or `https://…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deep_link: Option<String>,
    /// A picture, `https://…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// When it is sent at the earliest; by default now. Each customer's quiet hours put it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_start: Option<DateTime>,
    /// From then on it is not sent; within 90 days.
    pub window_end: DateTime,
    /// Which deals are sent first, if many are due.
    #[graphql(default_with = "Some(DealPriority::Normal)")]
    #[serde(skip_serializing_if = "is_normal")]
    pub priority: Option<DealPriority>,
}

/// Why a deal is not scheduled for a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[graphql(remote = "NotScheduled")]
pub(crate) enum DealNotScheduledReason {
    /// The customer does not want deals as push messages.
    OptedOut,
    /// All of the window lies within the customer's quiet hours, as they are now.
    QuietHours,
    /// Nothing is known of this customer: no preferences, no settings and no device.
    UnknownCustomer,
}

/// Customers for whom a deal is not scheduled, all for the same reason.
#[derive(Clone, Debug, Serialize, Deserialize, SimpleObject)]
pub(crate) struct DealNotScheduled {
    /// Why it is not sent to them.
    pub reason: DealNotScheduledReason,
    /// The customers, `usr_…`, in the order of the input.
    pub customer_ids: Vec<ID>,
}

/// The outcome of `dealSchedule`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, SimpleObject)]
pub(crate) struct DealSchedulePayload {
    /// To how many customers it will be sent.
    pub scheduled: i32,
    /// How many customers do not want deals as push messages, or were erased, so that it is not sent to them.
    pub suppressed: i32,
    /// The customers to whom it will not be sent, including those who do not want it, by reason. With `scheduled`, these are
    /// all customers of the input.
    // Outcomes that were stored before this field existed lack it.
    #[serde(default)]
    pub not_scheduled: Vec<DealNotScheduled>,
    /// Why nothing was scheduled; otherwise empty.
    pub user_errors: Vec<InputError>,
}

// A reference, as serde wants it.
fn is_normal(priority: &Option<DealPriority>) -> bool {
    !matches!(priority, Some(DealPriority::High))
}

impl From<&Plan> for DealSchedulePayload {
    fn from(plan: &Plan) -> Self {
        let count = |count: u64| i32::try_from(count).unwrap_or(i32::MAX);
        Self {
            scheduled: count(plan.counts.scheduled),
            suppressed: count(plan.counts.suppressed),
            not_scheduled: not_scheduled(&plan.not_scheduled),
            user_errors: Vec::new(),
        }
    }
}

/// The customers of each reason that there is.
fn not_scheduled(customers: &[(NotScheduled, Uuid)]) -> Vec<DealNotScheduled> {
    let of_reason = |reason: NotScheduled| {
        let of_it = customers.iter().filter(|(why, _)| *why == reason);
        let ids: Vec<ID> = of_it
            .map(|(_, customer)| IdKind::Customer.id(*customer))
            .collect();
        (!ids.is_empty()).then(|| DealNotScheduled {
            reason: reason.into(),
            customer_ids: ids,
        })
    };
    NotScheduled::ALL
        .into_iter()
        .filter_map(of_reason)
        .collect()
}

/// The deal for each customer, or all errors of the input.
pub(crate) fn check(
    input: &DealScheduleInput,
    now: chrono::DateTime<Utc>,
) -> Result<Vec<NewDeal>, Vec<InputError>> {
    let mut errors = Vec::new();
    let texts = Texts {
        title: &input.title,
        body: &input.body,
        deep_link: input.deep_link.as_deref(),
        image_url: input.image_url.as_deref(),
    };
    let start = input.window_start.map(|start| start.0);
    let window = rules::window(start, input.window_end.0, now);
    let problems = rules::check_texts(texts).into_iter();
    errors.extend(problems.chain(rules::check_window(window, now)).map(error));
    let customers = customers(&input.customer_ids, &mut errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    let text = Arc::new(DealText {
        title: input.title.clone(),
        body: input.body.clone(),
        deep_link: input.deep_link.clone(),
        image_url: input.image_url.clone(),
    });
    let deal_id = Uuid::now_v7();
    let priority = input.priority.map_or_else(Default::default, Into::into);
    let deals = customers.into_iter().map(|customer_id| NewDeal {
        deal_id,
        customer_id,
        text: text.clone(),
        window,
        priority,
    });
    Ok(deals.collect())
}

fn customers(ids: &[ID], errors: &mut Vec<InputError>) -> Vec<Uuid> {
    if ids.is_empty() || ids.len() > MAX_CUSTOMERS {
        errors.push(InputError::new(
            UserErrorCode::InvalidItems,
            "There must be 1 to 1000 customers",
            &["input", "customerIds"],
        ));
        return Vec::new();
    }
    let (mut customers, mut seen) = (Vec::with_capacity(ids.len()), HashSet::new());
    for (index, id) in ids.iter().enumerate() {
        let mut refuse = |code, message: &str| {
            let position = index.to_string();
            let field = ["input", "customerIds", &position];
            errors.push(InputError::new(code, message, &field));
        };
        match IdKind::Customer.parse(id) {
            None => refuse(UserErrorCode::InvalidId, "This is no customer's id"),
            Some(customer) if !seen.insert(customer) => refuse(
                UserErrorCode::DuplicateItem,
                "This customer is listed twice",
            ),
            Some(customer) => customers.push(customer),
        }
    }
    customers
}

fn error(problem: DealProblem) -> InputError {
    let code = match problem.kind {
        DealProblemKind::Text => UserErrorCode::InvalidText,
        DealProblemKind::Link => UserErrorCode::InvalidLink,
        DealProblemKind::Period => UserErrorCode::InvalidPeriod,
    };
    InputError::new(code, problem.message, &["input", problem.field])
}
