//! Fetches with arguments from their entities' ancestors (`@fromContext`): builds documents that request several groups
//! of entities, each with its own arguments, and splits batches into fetches with one `_entities` field each.

use hive_router_planner::ast::document::Document;
use hive_router_planner::ast::operation::PlanningFetchOperation;
use hive_router_planner::ast::selection_item::SelectionItem;
use hive_router_planner::ast::selection_set::{FieldSelection, SelectionSet};
use hive_router_planner::ast::value::Value;
use hive_router_planner::planner::plan_nodes::planning::{BatchFetchNode, FetchNode};
use hive_router_planner::planner::plan_nodes::{FetchContext, FetchNodePathSegment, KeyRenamer};

use super::split_requires::REPRESENTATIONS;

/// How many groups of entities one request may have. More groups take more requests.
const SIZES: [usize; 4] = [1, 2, 4, 8];

/// The document for a number of groups.
pub(super) struct Grouped {
    pub operation: PlanningFetchOperation,
    /// The keys of the `_entities` fields.
    pub keys: Vec<String>,
    /// The variables with each group's representations.
    pub representations: Vec<String>,
    /// The variables with the values from contexts, group by group.
    pub context: Vec<String>,
}

/// The variables of a fetch that take values from contexts, in order.
pub(super) fn variables(node: &FetchNode) -> Vec<String> {
    let document = &node.operation.document.operation;
    let is_defined = |name: &&str| {
        let mut known = document.variable_definitions.iter().flatten();
        known.any(|known| known.name == *name)
    };
    let variables = FetchContext::group_variables(&node.context).into_iter();
    variables.filter(is_defined).map(str::to_owned).collect()
}

/// How many levels up from an entity its value is, and the path from there.
pub(super) fn levels(rewrite: &KeyRenamer) -> (usize, &[FetchNodePathSegment]) {
    let mut path = rewrite.path.iter();
    let levels = path
        .position(|segment| !matches!(segment, FetchNodePathSegment::Parent))
        .unwrap_or(rewrite.path.len());
    (levels, &rewrite.path[levels..])
}

/// The documents for one group of entities, for two, and so on. A field without a group is sent with no entities and
/// null variables; if one of them is non-null, each group is requested separately.
pub(super) fn grouped(node: &FetchNode, most: usize) -> Vec<Grouped> {
    let variables = variables(node);
    let document = &node.operation.document;
    let definitions = document.operation.variable_definitions.iter().flatten();
    let mut of_context = definitions.filter(|known| variables.contains(&known.name));
    let most = if of_context.any(|known| known.variable_type.is_non_null()) {
        1
    } else {
        most
    };
    let sizes = SIZES.into_iter().filter(|size| *size <= most);
    let documents = sizes.map(|size| match size {
        1 => Some(Grouped {
            operation: node.operation.clone(),
            keys: vec!["_entities".to_owned()],
            representations: vec![REPRESENTATIONS.to_owned()],
            context: variables.clone(),
        }),
        size => several(document, &variables, size),
    });
    documents.flatten().collect()
}

fn several(document: &Document, variables: &[String], size: usize) -> Option<Grouped> {
    let mut document = inlined(document)?;
    let [SelectionItem::Field(field)] = document.operation.selection_set.items.as_slice() else {
        return None;
    };
    let own = |name: &str| name == REPRESENTATIONS || variables.iter().any(|own| own == name);
    let field = field.clone();
    let mut grouped = Grouped {
        keys: Vec::new(),
        representations: Vec::new(),
        context: Vec::new(),
        operation: PlanningFetchOperation::from_anonymous_operation(document.clone()),
    };
    let mut fields = Vec::new();
    for number in 0..size {
        // Two underscores: no client variable starts with them here.
        let name = |of: &str| format!("__{}_{number}", of.trim_start_matches('_'));
        let mut field = field.clone();
        let key = format!("_entities_{number}");
        field.alias = Some(key.clone());
        rename(&mut field, &|variable| {
            own(variable).then(|| name(variable))
        });
        fields.push(SelectionItem::Field(field));
        grouped.keys.push(key);
        grouped.representations.push(name(REPRESENTATIONS));
        grouped.context.extend(variables.iter().map(|of| name(of)));
    }
    let definitions = document.operation.variable_definitions.take();
    let (of_group, shared): (Vec<_>, Vec<_>) = definitions
        .into_iter()
        .flatten()
        .partition(|known| own(&known.name));
    let mut definitions = shared;
    for number in 0..size {
        definitions.extend(of_group.iter().cloned().map(|mut known| {
            known.name = format!("__{}_{number}", known.name.trim_start_matches('_'));
            known
        }));
    }
    document.operation.variable_definitions = Some(definitions);
    document.operation.selection_set.items = fields;
    grouped.operation = PlanningFetchOperation::from_anonymous_operation(document);
    Some(grouped)
}

/// The same document with its named fragments inlined.
pub(super) fn inlined(document: &Document) -> Option<Document> {
    let mut document = document.clone();
    let selections = &document.operation.selection_set;
    document.operation.selection_set = selections
        .inline_fragment_spreads(&document.fragments)
        .ok()?;
    document.fragments.clear();
    Some(document)
}

fn rename(field: &mut FieldSelection, name: &impl Fn(&str) -> Option<String>) {
    if let Some(arguments) = &mut field.arguments {
        let renamed = (&*arguments)
            .into_iter()
            .map(|(argument, value)| (argument.clone(), renamed(value, name)));
        *arguments = renamed.collect::<Vec<_>>().into();
    }
    rename_below(&mut field.selections, name);
}

fn rename_below(selections: &mut SelectionSet, name: &impl Fn(&str) -> Option<String>) {
    for item in &mut selections.items {
        match item {
            SelectionItem::Field(field) => rename(field, name),
            SelectionItem::InlineFragment(fragment) => {
                rename_below(&mut fragment.selections, name);
            }
            SelectionItem::FragmentSpread(_) => {}
        }
    }
}

fn renamed(value: &Value, name: &impl Fn(&str) -> Option<String>) -> Value {
    match value {
        Value::Variable(variable) => match name(variable) {
            Some(other) => Value::Variable(other),
            None => value.clone(),
        },
        Value::List(items) => Value::List(items.iter().map(|item| renamed(item, name)).collect()),
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(key, field)| (key.clone(), renamed(field, name)));
            Value::Object(fields.collect())
        }
        _ => value.clone(),
    }
}

/// One fetch for each `_entities` field of a batch, with the field's position in the batch.
pub(super) fn separated(batch: &BatchFetchNode) -> Option<Vec<FetchNode>> {
    let document = inlined(&batch.operation.document)?;
    let fetches = batch.entity_batch.aliases.iter().map(|alias| {
        let mut items = document.operation.selection_set.items.iter();
        let mut field = items.find_map(|item| match item {
            SelectionItem::Field(field) if field.selection_identifier() == alias.alias => {
                Some(field.clone())
            }
            _ => None,
        })?;
        field.alias = None;
        let of_batch = alias.representations_variable_name.as_str();
        rename(&mut field, &|variable| {
            (variable == of_batch).then(|| REPRESENTATIONS.to_owned())
        });
        let mut document = document.clone();
        let used = field.variable_usages();
        document.operation.selection_set.items = vec![SelectionItem::Field(field)];
        if let Some(definitions) = &mut document.operation.variable_definitions {
            for known in &mut *definitions {
                if known.name == of_batch {
                    known.name = REPRESENTATIONS.to_owned();
                }
            }
            definitions.retain(|known| known.name == REPRESENTATIONS || used.contains(&known.name));
        }
        Some(FetchNode {
            id: batch.id,
            service_name: batch.service_name.clone(),
            variable_usages: Some(used),
            operation_kind: batch.operation_kind.clone(),
            operation: PlanningFetchOperation::from_anonymous_operation(document),
            custom_scalar_paths: None,
            requires: Some(alias.requires.clone()),
            planner_requires: None,
            context: alias.context.clone(),
            run_if: None,
            input_rewrites: alias.input_rewrites.clone(),
            output_rewrites: alias.output_rewrites.clone(),
        })
    });
    fetches.collect()
}
