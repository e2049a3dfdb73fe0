//! Which settings of a server lose events.

use std::collections::HashMap;

use super::field;

/// What a server says of itself.
#[derive(Debug, Default)]
pub(super) struct Settings {
    is_master: bool,
    has_replicas: bool,
    has_append_only_file: bool,
    /// `maxmemory_policy`, if memory is limited.
    eviction: Option<String>,
    /// Empty where the server does not tell.
    config: HashMap<String, String>,
}

impl Settings {
    pub(super) fn new(info: &str, config: HashMap<String, String>) -> Self {
        let is_limited = field(info, "maxmemory").is_some_and(|bytes| bytes != "0");
        let policy = field(info, "maxmemory_policy").filter(|_| is_limited);
        Self {
            is_master: field(info, "role") == Some("master"),
            has_replicas: field(info, "connected_slaves").is_some_and(|count| count != "0"),
            has_append_only_file: field(info, "aof_enabled") == Some("1"),
            eviction: policy.map(str::to_owned),
            config,
        }
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.config.get(name).is_some_and(|set| set == value)
    }
}

/// What to change, and why.
pub(super) fn warnings(settings: &Settings) -> Vec<&'static str> {
    let mut warnings = Vec::new();
    if !settings.is_master {
        return warnings;
    }
    if settings
        .eviction
        .as_deref()
        .is_some_and(|policy| policy != "noeviction")
    {
        warnings.push("it removes keys when its memory is full; set `maxmemory-policy noeviction`");
    }
    if !settings.has_append_only_file && !settings.has_replicas {
        warnings.push(if settings.is("save", "") {
            "it has no append-only file, snapshots or replicas: when it stops, events that were \
             not yet received have to be published again; set `appendonly yes`"
        } else {
            "it has neither an append-only file nor replicas: when it stops, events since its last \
             snapshot have to be published again; set `appendonly yes`"
        });
    }
    if settings.has_append_only_file && settings.is("appendfsync", "no") {
        warnings
            .push("it leaves to the system when its file is written; set `appendfsync everysec`");
    }
    if settings.has_replicas && settings.is("min-replicas-to-write", "0") {
        warnings.push(
            "it accepts events while no replica receives them, and a failover loses those; set \
             `min-replicas-to-write 1`",
        );
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_settings_that_lose_events_are_told() {
        let told = |info: &str, config: &[(&str, &str)]| {
            let config = config
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            let warnings = warnings(&Settings::new(info, config));
            warnings
                .iter()
                .map(|warning| warning.split("; set ").last().unwrap())
                .collect::<Vec<_>>()
        };
        let safe = "role:master\r\nconnected_slaves:0\r\naof_enabled:1\r\nmaxmemory:0\r\n\
                    maxmemory_policy:allkeys-lru\r\n";
        assert_eq!(told(safe, &[("appendfsync", "everysec")]), [] as [&str; 0]);
        assert_eq!(
            told(&safe.replace("maxmemory:0", "maxmemory:1000"), &[]),
            ["`maxmemory-policy noeviction`"]
        );
        let forgetful = safe.replace("aof_enabled:1", "aof_enabled:0");
        for save in ["", "3600 1"] {
            assert_eq!(told(&forgetful, &[("save", save)]), ["`appendonly yes`"]);
        }
        let replicated = forgetful.replace("connected_slaves:0", "connected_slaves:2");
        assert_eq!(told(&replicated, &[]), [] as [&str; 0], "not told");
        assert_eq!(
            told(&replicated, &[("min-replicas-to-write", "0")]),
            ["`min-replicas-to-write 1`"]
        );
        assert_eq!(
            told(safe, &[("appendfsync", "no")]),
            ["`appendfsync everysec`"]
        );
        let replica = forgetful.replace("role:master", "role:slave");
        assert_eq!(told(&replica, &[]), [] as [&str; 0]);
    }
}
