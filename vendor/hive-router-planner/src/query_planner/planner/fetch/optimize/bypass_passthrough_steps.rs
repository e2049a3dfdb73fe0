use petgraph::{graph::NodeIndex, visit::EdgeRef};
use tracing::{instrument, trace};

use crate::query_planner::{
    ast::{selection_item::SelectionItem, selection_set::SelectionSet},
    planner::fetch::{
        error::FetchGraphError,
        fetch_graph::FetchGraph,
        fetch_step_data::{FetchStepData, FetchStepFlags},
        state::MultiTypeFetchStep,
    },
};

impl FetchGraph<MultiTypeFetchStep> {
    /// Removes entity calls with several parents that fetch nothing but what they are entered by:
    /// their children wait for the parents instead.
    ///
    /// ```text
    /// in:
    /// A -> B -> C    (B: { id } => { id })
    /// A -> D -> B
    /// out:
    /// A -> C
    /// D -> C
    /// ```
    #[instrument(level = "trace", skip_all)]
    pub(crate) fn bypass_passthrough_steps(&mut self) -> Result<(), FetchGraphError> {
        let candidates: Vec<NodeIndex> = self
            .all_nodes()
            .filter(|(index, step)| {
                self.parents_of(*index).count() > 1 && step.only_passes_its_input_through()
            })
            .map(|(index, _)| index)
            .collect();

        for index in candidates {
            let parents: Vec<NodeIndex> = self.parents_of(index).map(|e| e.source()).collect();
            let children: Vec<NodeIndex> = self.children_of(index).map(|e| e.target()).collect();
            trace!("bypassing [{}]", index.index());
            for parent in &parents {
                for child in &children {
                    self.connect(*parent, *child);
                }
            }
            self.remove_step(index);
        }

        Ok(())
    }
}

impl FetchStepData<MultiTypeFetchStep> {
    fn only_passes_its_input_through(&self) -> bool {
        self.is_entity_call()
            && self.context_rewrites.is_none()
            && self.context_producers.is_empty()
            && !self
                .flags
                .contains(FetchStepFlags::USED_FOR_TYPE_CONDITION)
            && self.input_rewrites.is_none()
            && self.output_rewrites.is_none()
            && self.output.iter_selections().all(|(name, output)| {
                self.input
                    .selections_for_definition(name)
                    .is_some_and(|input| is_within(output, input))
            })
    }
}

fn is_within(inner: &SelectionSet, outer: &SelectionSet) -> bool {
    inner.items.iter().all(|item| match item {
        SelectionItem::Field(field) => outer.items.iter().any(|other| {
            matches!(other, SelectionItem::Field(other)
                if other == field && is_within(&field.selections, &other.selections))
        }),
        _ => false,
    })
}
