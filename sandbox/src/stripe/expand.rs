//! `expand[]`: replaces ids in a response by their objects.

use serde_json::Value;

use crate::world::World;

/// Replaces the ids at these paths, such as `latest_charge` or `data.payment_intent`.
pub(super) fn expand(world: &World, mut answer: Value, paths: &[String]) -> Value {
    for path in paths {
        let segments: Vec<_> = path.split('.').collect();
        expand_path(world, &mut answer, &segments);
    }
    answer
}

fn expand_path(world: &World, value: &mut Value, path: &[&str]) {
    if let Value::Array(list) = value {
        for item in list {
            expand_path(world, item, path);
        }
        return;
    }
    let named = value.as_str().and_then(|id| find(world, id));
    if let Some(named) = named {
        *value = named;
    }
    if let Some((first, rest)) = path.split_first()
        && let Some(child) = value.get_mut(*first)
    {
        expand_path(world, child, rest);
    }
}

/// The object with this id, of any type.
fn find(world: &World, id: &str) -> Option<Value> {
    let stripe = &world.stripe;
    match id.split('_').next()? {
        "pi" => stripe.payment_intents.get(id).map(|intent| intent.json()),
        "ch" => stripe.charges.get(id).map(|charge| charge.json()),
        "re" => stripe.refunds.get(id).map(|refund| refund.json()),
        "pm" => stripe.payment_methods.get(id).map(|method| method.json()),
        _ => None,
    }
}
