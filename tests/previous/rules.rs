//! What a schema may not change while the previous release works on it.

use crate::schema::{Column, Schema, Table};

/// The changes that the previous release could notice.
pub(crate) fn differences(previous: &Schema, now: &Schema) -> Vec<String> {
    let mut found = Vec::new();
    for (name, table) in previous.tables() {
        match now.tables().get(name) {
            Some(now) => differences_of_table(name, table, now, &mut found),
            None => found.push(format!("table {name} is removed or renamed")),
        }
    }
    found
}

fn differences_of_table(name: &str, previous: &Table, now: &Table, found: &mut Vec<String>) {
    for (column, old) in &previous.columns {
        let column_name = format!("column {name}.{column}");
        match now.columns.get(column) {
            Some(new) => differences_of_column(&column_name, old, new, found),
            None => found.push(format!("{column_name} is removed or renamed")),
        }
    }
    for (column, new) in &now.columns {
        let is_new = !previous.columns.contains_key(column);
        if is_new && !new.is_nullable && new.default.is_none() {
            found.push(format!(
                "column {name}.{column} is new and needs a value, which the previous release does not write"
            ));
        }
    }
    for constraint in now.constraints.difference(&previous.constraints) {
        found.push(format!("table {name} has a new constraint: {constraint}"));
    }
    for trigger in now.triggers.difference(&previous.triggers) {
        found.push(format!("table {name} has a new trigger: {trigger}"));
    }
    for (index, definition) in &now.indexes {
        if is_unique(definition) && previous.indexes.get(index) != Some(definition) {
            found.push(format!("index {index} of {name} is new and unique"));
        }
    }
    for index in previous.indexes.keys() {
        if !now.indexes.contains_key(index) {
            found.push(format!("index {index} of {name} is removed or renamed"));
        }
    }
}

fn differences_of_column(name: &str, previous: &Column, now: &Column, found: &mut Vec<String>) {
    if previous.r#type != now.r#type {
        let (old, new) = (&previous.r#type, &now.r#type);
        found.push(format!("{name} changes its type from {old} to {new}"));
    }
    match (previous.is_nullable, now.is_nullable) {
        (true, false) => found.push(format!("{name} no longer allows NULL")),
        (false, true) => found.push(format!(
            "{name} allows NULL, which the previous release cannot read"
        )),
        _ => {}
    }
    if previous.default.is_some() && now.default.is_none() {
        found.push(format!("{name} loses its default"));
    }
}

fn is_unique(definition: &str) -> bool {
    definition.to_uppercase().starts_with("CREATE UNIQUE ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(json: serde_json::Value) -> Schema {
        serde_json::from_value(json).unwrap()
    }

    fn column(is_nullable: bool, default: Option<&str>) -> serde_json::Value {
        serde_json::json!({ "type": "text", "is_nullable": is_nullable, "default": default })
    }

    fn table(
        columns: &[(&str, serde_json::Value)],
        constraints: &[&str],
        indexes: &[(&str, &str)],
    ) -> serde_json::Value {
        let columns: serde_json::Map<_, _> = columns
            .iter()
            .map(|(name, column)| ((*name).to_owned(), column.clone()))
            .collect();
        let indexes: std::collections::BTreeMap<_, _> = indexes.iter().copied().collect();
        serde_json::json!({
            "columns": columns, "constraints": constraints, "indexes": indexes, "triggers": [],
        })
    }

    #[test]
    fn what_is_added_without_a_demand_is_no_difference() {
        let previous = schema(serde_json::json!({
            "orders": table(&[("id", column(false, None))], &[], &[]),
        }));
        let now = schema(serde_json::json!({
            "orders": table(
                &[
                    ("id", column(false, None)),
                    ("note", column(true, None)),
                    ("state", column(false, Some("'open'"))),
                ],
                &[],
                &[("orders_note", "CREATE INDEX orders_note ON orders (note)")],
            ),
            "order_notes": table(&[("id", column(false, None))], &["UNIQUE (id)"], &[]),
        }));
        assert_eq!(differences(&previous, &now), [] as [String; 0]);
        assert_eq!(differences(&now, &now), [] as [String; 0]);
    }

    #[test]
    fn what_the_previous_release_would_notice_is_a_difference() {
        let previous = schema(serde_json::json!({
            "orders": table(
                &[
                    ("id", column(false, None)),
                    ("note", column(true, None)),
                    ("old", column(true, None)),
                    ("state", column(false, Some("'open'"))),
                ],
                &[],
                &[("orders_note", "CREATE INDEX orders_note ON orders (note)")],
            ),
            "order_notes": table(&[("id", column(false, None))], &[], &[]),
        }));
        let mut typed = column(true, None);
        typed["type"] = "uuid".into();
        let now = schema(serde_json::json!({
            "orders": table(
                &[
                    ("id", typed),
                    ("note", column(false, None)),
                    ("new", column(false, None)),
                    ("state", column(false, None)),
                ],
                &["CHECK ((id > 0))"],
                &[("orders_state", "CREATE UNIQUE INDEX orders_state ON orders (state)")],
            ),
        }));
        assert_eq!(
            differences(&previous, &now),
            [
                "table order_notes is removed or renamed",
                "column orders.id changes its type from text to uuid",
                "column orders.id allows NULL, which the previous release cannot read",
                "column orders.note no longer allows NULL",
                "column orders.old is removed or renamed",
                "column orders.state loses its default",
                "column orders.new is new and needs a value, which the previous release does not write",
                "table orders has a new constraint: CHECK ((id > 0))",
                "index orders_state of orders is new and unique",
                "index orders_note of orders is removed or renamed",
            ]
        );
    }
}
