//! Runs the query planner on a document without conditions.

use std::time::Duration;

use graphql_tools::static_graphql::query::Document;
use hive_router_planner::ast::normalization::normalize_operation;
use hive_router_planner::ast::operation::OperationDefinition;
use hive_router_planner::ast::selection_item::SelectionItem;
use hive_router_planner::ast::selection_set::SelectionSet;
use hive_router_planner::graph::PlannerOverrideContext;
use hive_router_planner::planner::plan_nodes::planning::QueryPlan;
use hive_router_planner::state::supergraph_state::OperationKind as PlannedKind;
use hive_router_planner::utils::cancellation::CancellationToken;

use super::mutation;
use crate::supergraph::Supergraph;

/// Why there is no plan.
#[derive(Debug)]
pub(crate) enum PlanFailure {
    TooLong,
    Internal(String),
}

/// Plans a document within this time.
pub(crate) fn plan_document(
    document: &Document,
    supergraph: &Supergraph,
    overrides: impl Fn() -> PlannerOverrideContext,
    time: Duration,
) -> Result<QueryPlan, PlanFailure> {
    let planner = &supergraph.planner;
    let mut normalized = normalize_operation(&planner.supergraph, document, None)
        .map_err(|error| PlanFailure::Internal(error.to_string()))?;
    // The router resolves `__typename` of the root types itself.
    drop_typename(&mut normalized.operation.selection_set);
    if normalized.operation.selection_set.items.is_empty() {
        return Ok(QueryPlan {
            kind: "QueryPlan",
            node: None,
        });
    }
    let token = CancellationToken::with_timeout(time);
    let plan = |operation: &OperationDefinition| {
        let plan = planner.plan_from_normalized_operation(operation, overrides(), &token);
        // Each planning stage reports a timeout with an error of its own.
        plan.map(|plan| plan.node)
            .map_err(|error| match token.bail_if_cancelled() {
                Err(_) => PlanFailure::TooLong,
                Ok(()) => PlanFailure::Internal(error.to_string()),
            })
    };
    let operation = normalized.executable_operation();
    let node = match operation.operation_kind {
        Some(PlannedKind::Mutation) => mutation::plan(operation, plan)?,
        _ => plan(operation)?,
    };
    Ok(QueryPlan {
        kind: "QueryPlan",
        node,
    })
}

fn drop_typename(selections: &mut SelectionSet) {
    selections.items.retain_mut(|item| match item {
        SelectionItem::Field(field) => field.name != "__typename",
        SelectionItem::InlineFragment(fragment) => {
            drop_typename(&mut fragment.selections);
            !fragment.selections.items.is_empty()
        }
        SelectionItem::FragmentSpread(_) => true,
    });
}
