//! Converts the planner's description of representations into a selection.

use hive_router_planner::ast::requires::{
    RequiresSelection, RequiresSelectionSet, RequiresSelectionSetRef,
};
use hive_router_planner::ast::selection_item::SelectionItem;
use hive_router_planner::ast::selection_set::{
    FieldSelection, InlineFragmentSelection, SelectionSet,
};

pub(super) fn selections(requires: &RequiresSelectionSet) -> SelectionSet {
    of(requires.root_selections())
}

fn of(selections: RequiresSelectionSetRef<'_>) -> SelectionSet {
    let items = selections.iter().map(|selection| match selection {
        RequiresSelection::Field {
            name,
            selections,
            alias,
            omit_from_response,
        } => SelectionItem::Field(FieldSelection {
            name: name.to_owned(),
            selections: of(selections),
            alias: alias.map(str::to_owned),
            arguments: None,
            skip_if: None,
            include_if: None,
            omit_from_response,
        }),
        RequiresSelection::InlineFragment {
            type_condition,
            selections,
            skip_if,
            include_if,
        } => SelectionItem::InlineFragment(InlineFragmentSelection {
            type_condition: type_condition.to_owned(),
            selections: of(selections),
            skip_if: skip_if.map(str::to_owned),
            include_if: include_if.map(str::to_owned),
        }),
        RequiresSelection::FragmentSpread(name) => SelectionItem::FragmentSpread(name.to_owned()),
    });
    SelectionSet {
        items: items.collect(),
    }
}
