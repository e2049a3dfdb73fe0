//! The schemas of the events that domains publish: a JSON Schema for each, and an AsyncAPI document of the topics.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use platform::bus::KafkaConfig;
use platform::event_type::{EventType, breaking_changes};
use serde_json::{Map, Value, json};

use crate::domains::Domain;

/// The folder of the schemas, in `schema/`.
const FOLDER: &str = "events";

fn event_types() -> impl Iterator<Item = &'static EventType> {
    Domain::ALL.into_iter().flat_map(Domain::event_types)
}

/// The files, by name.
pub(super) fn files() -> anyhow::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for event in event_types() {
        let name = format!("{FOLDER}/{}.json", event.name);
        files.push((name, text(&event.schema())?));
    }
    files.push(("asyncapi.json".to_owned(), text(&asyncapi())?));
    Ok(files)
}

fn text(document: &Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(document)? + "\n")
}

/// Fails if an event would break those who know it by the schemas in this directory.
pub(super) fn refuse_breaking(directory: &Path) -> anyhow::Result<()> {
    let folder = directory.join(FOLDER);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return Ok(());
    };
    let mut problems = Vec::new();
    for entry in entries {
        let file = entry?.path();
        let shown = file.display();
        let Some(name) = file.file_stem().and_then(|name| name.to_str()) else {
            continue;
        };
        let old = std::fs::read_to_string(&file).with_context(|| format!("cannot read {shown}"))?;
        let old: Value =
            serde_json::from_str(&old).with_context(|| format!("{shown} is not JSON"))?;
        match event_types().find(|event| event.name == name) {
            Some(event) => {
                let changes = breaking_changes(&old, &event.schema());
                problems.extend(
                    changes
                        .into_iter()
                        .map(|change| format!("{name}: {change}")),
                );
            }
            None => problems.push(format!("{name}: is no longer published")),
        }
    }
    if !problems.is_empty() {
        problems.sort();
        bail!(
            "events would break their consumers; publish the change under a new name, or delete \
             the old schema if nobody reads the event:\n{}",
            problems.join("\n")
        );
    }
    Ok(())
}

/// The topics and their messages in AsyncAPI 3.
fn asyncapi() -> Value {
    let mut topics: BTreeMap<&str, Vec<&EventType>> = BTreeMap::new();
    for event in event_types() {
        topics.entry(event.topic).or_default().push(event);
    }
    let mut channels = Map::new();
    let mut operations = Map::new();
    for (topic, events) in &topics {
        let messages: Map<String, Value> = events
            .iter()
            .map(|event| (event.name.to_owned(), message(event)))
            .collect();
        channels.insert((*topic).to_owned(), channel(topic, messages));
        let operation = json!({
            "action": "send",
            "channel": { "$ref": format!("#/channels/{topic}") },
        });
        operations.insert(format!("publish.{topic}"), operation);
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Vantage events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What the domains publish. docs/events.md describes delivery and order.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
    })
}

fn channel(topic: &str, messages: Map<String, Value>) -> Value {
    let kafka = KafkaConfig::default();
    json!({
        "address": topic,
        "messages": messages,
        "bindings": { "kafka": {
            "topic": topic,
            "partitions": kafka.partitions,
            "topicConfiguration": { "retention.ms": kafka.retention.get().as_secs() * 1_000 },
            "bindingVersion": "0.5.0",
        }},
    })
}

fn message(event: &EventType) -> Value {
    let schema = event.schema();
    json!({
        "name": event.name,
        "title": event.name,
        "summary": schema["description"],
        "headers": {
            "type": "object",
            "properties": {
                "content-type": { "const": "application/json" },
                "event-id": { "type": "string", "format": "uuid" },
                "event-type": { "const": event.name },
            },
        },
        "payload": { "$ref": format!("./{FOLDER}/{}.json", event.name) },
        "bindings": { "kafka": {
            "key": { "type": "string", "description": "The aggregateId." },
            "bindingVersion": "0.5.0",
        }},
    })
}
