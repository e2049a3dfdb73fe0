//! Splits entity fetches with more `_entities` fields than one request may have.

use hive_router_planner::ast::operation::PlanningFetchOperation;
use hive_router_planner::ast::selection_item::SelectionItem;
use hive_router_planner::planner::plan_nodes::EntityBatch;
use hive_router_planner::planner::plan_nodes::planning::BatchFetchNode;

use crate::prepare::context::inlined;

/// Distributes the fields over several fetches with at most `most` fields each. `None` if the document lacks one.
pub(super) fn split(batch: &BatchFetchNode, most: usize) -> Option<Vec<BatchFetchNode>> {
    let whole = inlined(&batch.operation.document)?;
    let parts = batch.entity_batch.aliases.chunks(most).map(|aliases| {
        let fields = aliases.iter().map(|alias| {
            let mut items = whole.operation.selection_set.items.iter();
            items.find(|item| match item {
                SelectionItem::Field(field) => field.selection_identifier() == alias.alias,
                _ => false,
            })
        });
        let mut document = whole.clone();
        document.operation.selection_set.items =
            fields.map(Option::<&_>::cloned).collect::<Option<_>>()?;
        let used = document.operation.selection_set.variable_usages();
        if let Some(definitions) = &mut document.operation.variable_definitions {
            definitions.retain(|known| used.contains(&known.name));
        }
        Some(BatchFetchNode {
            id: batch.id,
            service_name: batch.service_name.clone(),
            variable_usages: batch.variable_usages.as_ref().map(|names| names & &used),
            operation_kind: batch.operation_kind.clone(),
            operation: PlanningFetchOperation::from_anonymous_operation(document),
            custom_scalar_paths: None,
            entity_batch: EntityBatch {
                aliases: aliases.to_vec(),
            },
        })
    });
    parts.collect()
}
