//! Plans a mutation: its root fields run one after the other, each with all entities below it before the next begins.
//! The planner alone would start the next field in parallel with the entity fetches of the previous one.

use hive_router_planner::ast::document::Document;
use hive_router_planner::ast::operation::{OperationDefinition, PlanningFetchOperation};
use hive_router_planner::ast::selection_item::SelectionItem;
use hive_router_planner::ast::selection_set::SelectionSet;
use hive_router_planner::planner::plan_nodes::SequenceNode;
use hive_router_planner::planner::plan_nodes::planning::{FetchNode, PlanNode};
use hive_router_planner::state::supergraph_state::OperationKind;

/// Combines the plans of a mutation's root fields.
///
/// Each root field is planned separately. Consecutive fields of one subgraph are sent in one request, which runs them
/// in order, as long as only the last of them needs another request.
///
/// # Errors
/// The first error of `plan`.
pub(super) fn plan<E>(
    operation: &OperationDefinition,
    plan: impl Fn(&OperationDefinition) -> Result<Option<PlanNode>, E>,
) -> Result<Option<PlanNode>, E> {
    let fields = root_fields(&operation.selection_set);
    if fields.len() < 2 {
        return plan(operation);
    }
    let mut nodes: Vec<PlanNode> = Vec::new();
    for items in fields {
        let mut part = operation.clone();
        part.selection_set = SelectionSet { items };
        let mut steps = match plan(&part)? {
            None => continue,
            Some(PlanNode::Sequence(sequence)) => sequence.nodes,
            Some(node) => vec![node],
        };
        if let Some(joined) = join(nodes.last(), steps.first()) {
            nodes.pop();
            steps[0] = joined;
        }
        nodes.append(&mut steps);
    }
    Ok(match nodes.len() {
        0 | 1 => nodes.pop(),
        _ => Some(PlanNode::Sequence(SequenceNode { nodes })),
    })
}

/// Merges two plans into one request, if both run mutations of the same subgraph.
fn join(before: Option<&PlanNode>, after: Option<&PlanNode>) -> Option<PlanNode> {
    let (Some(PlanNode::Fetch(before)), Some(PlanNode::Fetch(after))) = (before, after) else {
        return None;
    };
    let mutate = [before, after]
        .iter()
        .all(|fetch| fetch.operation_kind == Some(OperationKind::Mutation));
    if !mutate || before.service_name != after.service_name {
        return None;
    }
    let mut joined = before.clone();
    let mut document = inlined(before)?;
    let more = inlined(after)?;
    let selections = &mut document.operation.selection_set.items;
    selections.extend(more.operation.selection_set.items);
    for variable in more.operation.variable_definitions.into_iter().flatten() {
        let known = &mut document.operation.variable_definitions;
        let known = known.get_or_insert_default();
        if !known.iter().any(|known| known.name == variable.name) {
            known.push(variable);
        }
    }
    joined.operation = PlanningFetchOperation::from_anonymous_operation(document);
    for name in after.variable_usages.iter().flatten() {
        let used = joined.variable_usages.get_or_insert_default();
        used.insert(name.clone());
    }
    for rewrite in after.output_rewrites.iter().flatten() {
        let rewrites = joined.output_rewrites.get_or_insert_default();
        rewrites.push(rewrite.clone());
    }
    Some(PlanNode::Fetch(joined))
}

/// A fetch's document with fragments inlined: two documents may use the same fragment name.
fn inlined(fetch: &FetchNode) -> Option<Document> {
    let mut document = Document::clone(&fetch.operation.document);
    let operation = &mut document.operation;
    operation.selection_set = operation
        .selection_set
        .inline_fragment_spreads(&document.fragments)
        .ok()?;
    document.fragments.clear();
    Some(document)
}

/// The root's selections by response key, in the order of their first occurrence.
fn root_fields(selections: &SelectionSet) -> Vec<Vec<SelectionItem>> {
    let mut fields: Vec<(&str, Vec<SelectionItem>)> = Vec::new();
    collect(selections, &mut fields);
    fields.into_iter().map(|(_, items)| items).collect()
}

fn collect<'s>(selections: &'s SelectionSet, fields: &mut Vec<(&'s str, Vec<SelectionItem>)>) {
    for item in &selections.items {
        match item {
            SelectionItem::Field(field) => {
                let key = field.selection_identifier();
                match fields.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, items)) => items.push(item.clone()),
                    None => fields.push((key, vec![item.clone()])),
                }
            }
            // Conditions are decided before planning, and no other type has the root's fields.
            SelectionItem::InlineFragment(fragment) => collect(&fragment.selections, fields),
            // Normalization inlines them.
            SelectionItem::FragmentSpread(_) => {}
        }
    }
}
