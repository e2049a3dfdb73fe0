use petgraph::visit::{Bfs, IntoNodeReferences};
use tracing::{instrument, trace};

use crate::{
    ast::{
        merge_path::{MergePath, Segment},
        selection_item::SelectionItem,
        selection_set::{find_selection_set_by_path_mut, SelectionSet},
    },
    planner::fetch::{error::FetchGraphError, fetch_graph::FetchGraph, state::MultiTypeFetchStep},
};

impl FetchGraph<MultiTypeFetchStep> {
    /// This method applies internal aliasing for fields in the fetch graph.
    /// In case a fetch step contains a record of alias made to an output field, it needs to be propagated to all descendants steps that depends on this
    /// output field, in multiple locations:
    /// 1. In "input" selections
    /// 2. In "response_path"
    #[instrument(level = "trace", skip_all)]
    pub(crate) fn apply_internal_aliases_patching(&mut self) -> Result<(), FetchGraphError> {
        // First, iterate and find all nodes that needed to perform internal aliasing for fields
        let mut nodes_with_aliases = self
            .graph
            .node_references()
            .filter_map(|(index, node)| {
                if !node.internal_aliases_locations.is_empty() {
                    Some((index, node.internal_aliases_locations.clone()))
                } else {
                    None
                }
            })
            .collect::<Vec<_>>();

        trace!(
            "found total of {} node with internal aliased fields",
            nodes_with_aliases.len(),
        );

        while let Some((aliased_node_index, scoped_aliases_locations)) = nodes_with_aliases.pop() {
            for (root_type_name, aliases_locations) in scoped_aliases_locations {
                let mut bfs = Bfs::new(&self.graph, aliased_node_index);

                trace!(
                    "Iterating step [{}], total of {} aliased fields in output selections of type {}",
                    aliased_node_index.index(),
                    aliases_locations.len(),
                    root_type_name
                );

                // Iterate and find all possible children of a node that needed aliasing.
                // We can't really tell which nodes are affected, as they might be at any level of the hierarchy, so we travel the graph.
                while let Some(decendent_idx) = bfs.next(&self.graph) {
                    if decendent_idx == aliased_node_index {
                        continue;
                    }
                    let decendent = self.get_step_data_mut(decendent_idx)?;

                    for (alias_path, new_name) in aliases_locations.iter() {
                        // Last segment is the field that was aliased
                        let Some(aliased @ Segment::Field(..)) = alias_path.last() else {
                            continue;
                        };
                        // The object that has the field, from the root: only what is fetched of the very object,
                        // through it or around it, is about this field.
                        let object = fields_of(&alias_path.without_last());
                        let entity = fields_of(&decendent.response_path);

                        if let Some(rest) = entity.strip_prefix(object.as_slice()) {
                            match rest.first() {
                                None => {
                                    for (_, selection) in decendent.input.iter_selections_mut() {
                                        patch(selection, aliased, new_name);
                                    }
                                }
                                Some(next) if is_same_field(next, aliased) => {
                                    decendent.response_path =
                                        renamed(&decendent.response_path, object.len(), new_name);
                                }
                                Some(_) => {}
                            }
                        } else if let Some(inner) = object.strip_prefix(entity.as_slice()) {
                            let inner = MergePath::new(inner.to_vec());
                            for (_, selection) in decendent.input.iter_selections_mut() {
                                if let Some(selection) =
                                    find_selection_set_by_path_mut(selection, &inner)
                                {
                                    patch(selection, aliased, new_name);
                                }
                            }
                        }
                    }
                }
            }
        }

        Ok(())
    }
}

/// The fields of a path, without lists and type conditions.
fn fields_of(path: &MergePath) -> Vec<Segment> {
    path.inner
        .iter()
        .filter(|segment| matches!(segment, Segment::Field(..)))
        .cloned()
        .collect()
}

fn is_same_field(one: &Segment, other: &Segment) -> bool {
    match (one, other) {
        (Segment::Field(one, args, condition), Segment::Field(other, other_args, other_condition)) => {
            one.field_name() == other.field_name()
                && args == other_args
                && condition == other_condition
        }
        _ => false,
    }
}

/// Makes a selection of an object read the aliased field.
fn patch(selection: &mut SelectionSet, aliased: &Segment, new_name: &str) {
    let Segment::Field(aliased, args_hash, _) = aliased else {
        return;
    };
    for item in &mut selection.items {
        match item {
            SelectionItem::Field(field)
                if field.name == aliased.field_name() && field.arguments_hash() == *args_hash =>
            {
                field.alias = Some(field.name.clone());
                field.name = new_name.to_string();
            }
            SelectionItem::InlineFragment(fragment) => {
                patch(
                    &mut fragment.selections,
                    &Segment::Field(aliased.clone(), *args_hash, None),
                    new_name,
                );
            }
            _ => {}
        }
    }
}

/// The path with another name for its field of this number.
fn renamed(path: &MergePath, number: usize, new_name: &str) -> MergePath {
    let mut segments = path.inner.to_vec();
    let mut fields = segments
        .iter_mut()
        .filter(|segment| matches!(segment, Segment::Field(..)));
    if let Some(Segment::Field(field, _, _)) = fields.nth(number) {
        field.field_name = new_name.to_string();
    }
    MergePath::new(segments)
}
