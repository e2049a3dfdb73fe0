//! Identifies the caller and checks ownership. Ownership is checked where data is read, not only at the roots: a
//! guessed id returns nothing.

use async_graphql::{Context, TypeDirective};
use platform::caller::Caller;
use uuid::Uuid;

use crate::error::{ApiError, ApiResult};
use crate::id::IdKind;

/// The scope of support, who see what belongs to any customer and decide about it.
pub const SUPPORT: &str = "support";

/// The verified caller of this request.
pub fn caller<'a>(context: &Context<'a>) -> ApiResult<&'a Caller> {
    context
        .data::<Caller>()
        .map_err(|_| ApiError::internal("a request reached a resolver without a caller"))
}

/// The signed-in customer's id, or UNAUTHENTICATED.
pub fn customer(context: &Context<'_>) -> ApiResult<Uuid> {
    visitor(context)?.ok_or_else(ApiError::unauthenticated)
}

/// The signed-in customer's id, or `None` for a visitor.
pub fn visitor(context: &Context<'_>) -> ApiResult<Option<Uuid>> {
    match &caller(context)?.subject {
        None => Ok(None),
        Some(subject) => IdKind::Customer
            .parse(subject)
            .map(Some)
            .ok_or_else(ApiError::unauthenticated),
    }
}

/// The signed-in customer's id, or `None` for everybody else: visitors, and staff who are no customers.
pub fn customer_if_any(context: &Context<'_>) -> ApiResult<Option<Uuid>> {
    let subject = caller(context)?.subject.as_deref();
    Ok(subject.and_then(|subject| IdKind::Customer.parse(subject)))
}

/// The caller's id if they are the owner; FORBIDDEN with this message otherwise.
pub fn owner(context: &Context<'_>, owner: Uuid, refusal: &str) -> ApiResult<Uuid> {
    let customer = customer(context)?;
    if customer == owner {
        Ok(customer)
    } else {
        Err(ApiError::forbidden(refusal))
    }
}

/// Whether the caller is the owner, or has a token with this scope, such as support's.
pub fn is_owner_or_has_scope(context: &Context<'_>, owner: Uuid, scope: &str) -> ApiResult<bool> {
    if caller(context)?.scopes.contains(scope) {
        return Ok(true);
    }
    Ok(visitor(context)? == Some(owner))
}

/// Refuses everybody but the owner and those with this scope: UNAUTHENTICATED without a token, FORBIDDEN with this
/// message otherwise.
pub fn owner_or_scope(
    context: &Context<'_>,
    owner: Uuid,
    scope: &str,
    refusal: &str,
) -> ApiResult<()> {
    if is_owner_or_has_scope(context, owner, scope)? {
        return Ok(());
    }
    customer(context)?;
    Err(ApiError::forbidden(refusal))
}

/// UNAUTHENTICATED without a token.
pub fn signed_in(context: &Context<'_>) -> ApiResult<()> {
    if caller(context)?.subject.is_none() {
        return Err(ApiError::unauthenticated());
    }
    Ok(())
}

/// The verified caller, if their token has this scope. Otherwise UNAUTHENTICATED without a token and FORBIDDEN with one, as
/// the router answers.
pub fn scope<'a>(context: &Context<'a>, scope: &str) -> ApiResult<&'a Caller> {
    let caller = caller(context)?;
    if caller.scopes.contains(scope) {
        Ok(caller)
    } else if caller.subject.is_none() {
        Err(ApiError::unauthenticated())
    } else {
        Err(ApiError::forbidden(format!(
            "This requires a token with the scope {scope}"
        )))
    }
}

/// Who acts: a user, or an application with its key alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The token's subject, or else the application's name.
    pub name: String,
    /// Whose idempotency keys it uses.
    pub key_owner: String,
}

/// The caller as the one who acts, if it has this scope; refused like by [`scope`].
pub fn actor(context: &Context<'_>, scope: &str) -> ApiResult<Actor> {
    let caller = self::scope(context, scope)?;
    match (&caller.subject, &caller.client) {
        (Some(subject), _) => Ok(Actor {
            name: subject.clone(),
            key_owner: match IdKind::Customer.parse(subject) {
                Some(customer) => customer.to_string(),
                None => format!("subject:{subject}"),
            },
        }),
        (None, Some(client)) => Ok(Actor {
            name: client.clone(),
            key_owner: format!("client:{client}"),
        }),
        (None, None) => Err(ApiError::unauthenticated()),
    }
}

/// Marks a field that the router resolves only for signed-in callers.
#[TypeDirective(location = "FieldDefinition")]
pub fn authenticated() {}
