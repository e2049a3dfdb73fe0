//! The file that lists subgraphs, in the format of rover's `supergraph.yaml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use platform::yaml;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::problem::{Problem, ProblemCode};

/// The subgraphs, in the order of the file.
#[derive(Debug)]
pub(super) struct SupergraphConfig {
    pub(super) subgraphs: Vec<SubgraphConfig>,
}

#[derive(Debug)]
pub(super) struct SubgraphConfig {
    pub(super) name: String,
    /// Where routers find it.
    pub(super) routing_url: String,
    pub(super) source: Source,
}

/// Where its schema is.
#[derive(Debug)]
pub(super) enum Source {
    File(PathBuf),
    Sdl(String),
    Service { url: String, headers: HeaderMap },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    federation_version: Option<Value>,
    subgraphs: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subgraph {
    routing_url: Option<String>,
    schema: Schema,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Schema {
    file: Option<PathBuf>,
    sdl: Option<String>,
    subgraph_url: Option<String>,
    #[serde(default, alias = "headers")]
    introspection_headers: BTreeMap<String, String>,
    graphref: Option<String>,
    #[serde(rename = "subgraph")]
    _subgraph: Option<String>,
}

impl SupergraphConfig {
    /// Reads the file. Paths in it are relative to it, and `${env.NAME}` is a variable of the environment.
    pub(super) fn read(file: &Path) -> Result<Self, Problem> {
        let shown = file.display();
        let text = std::fs::read_to_string(file)
            .map_err(|error| Problem::of_config(format!("cannot read {shown}: {error}")))?;
        let directory = file.parent().unwrap_or(Path::new(""));
        let variable = |name: &str| std::env::var(name).ok();
        Self::parse(&text, directory, &variable).map_err(|problem| problem.in_file(&shown))
    }

    fn parse(
        text: &str,
        directory: &Path,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Problem> {
        let mut value: Value =
            yaml::from_str(text).map_err(|error| Problem::of_config(error.to_string()))?;
        expand(&mut value, "", variable).map_err(Problem::of_config)?;
        let document: Document = serde_json::from_value(value).map_err(|error| {
            Problem::of_config(format!(
                "it is not a supergraph.yaml, which has `subgraphs` by name: {error}"
            ))
        })?;
        check_version(document.federation_version.as_ref()).map_err(Problem::of_config)?;
        if document.subgraphs.is_empty() {
            return Err(Problem::of_config("it lists no subgraphs"));
        }
        let subgraphs = document.subgraphs.into_iter().map(|(name, value)| {
            let subgraph = serde_json::from_value(value).map_err(|error| error.to_string());
            let subgraph = subgraph.and_then(|subgraph| of_subgraph(&name, subgraph, directory));
            subgraph.map_err(|message| Problem::of(ProblemCode::ConfigInvalid, &name, message))
        });
        Ok(Self {
            subgraphs: subgraphs.collect::<Result<_, _>>()?,
        })
    }
}

fn of_subgraph(name: &str, subgraph: Subgraph, directory: &Path) -> Result<SubgraphConfig, String> {
    let Subgraph {
        routing_url,
        schema,
    } = subgraph;
    if schema.graphref.is_some() {
        return Err(
            "schemas of a registry are not read here: write `file` or `subgraph_url`".to_owned(),
        );
    }
    let is_service = schema.subgraph_url.is_some();
    if !is_service && !schema.introspection_headers.is_empty() {
        return Err("`introspection_headers` go with `subgraph_url`".to_owned());
    }
    let routing_url = routing_url.or_else(|| schema.subgraph_url.clone());
    let headers = headers(schema.introspection_headers)?;
    let source = match (schema.file, schema.sdl, schema.subgraph_url) {
        (Some(file), None, None) => Source::File(directory.join(file)),
        (None, Some(sdl), None) => Source::Sdl(sdl),
        (None, None, Some(url)) => Source::Service { url, headers },
        _ => return Err("`schema` has one of `file`, `subgraph_url` and `sdl`".to_owned()),
    };
    let routing_url = routing_url.ok_or("it needs `routing_url`, where routers find it")?;
    for url in [Some(&routing_url), service(&source)].into_iter().flatten() {
        let parsed: Result<url::Url, _> = url.parse();
        parsed.map_err(|error| format!("`{url}` is not a URL: {error}"))?;
    }
    Ok(SubgraphConfig {
        name: name.to_owned(),
        routing_url,
        source,
    })
}

fn service(source: &Source) -> Option<&String> {
    match source {
        Source::Service { url, .. } => Some(url),
        Source::File(_) | Source::Sdl(_) => None,
    }
}

fn headers(given: BTreeMap<String, String>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let parsed = name.parse::<HeaderName>().ok();
        let value = HeaderValue::from_str(&value).ok();
        // The value may be a secret.
        let (Some(parsed), Some(mut value)) = (parsed, value) else {
            return Err(format!("`introspection_headers`: `{name}` is not a header"));
        };
        value.set_sensitive(true);
        headers.append(parsed, value);
    }
    Ok(headers)
}

/// Versions are written as rover's: `2`, `=2.9.0`.
fn check_version(version: Option<&Value>) -> Result<(), String> {
    let version = match version {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let number = version.trim_start_matches(['=', 'v']);
    match number.split('.').next() {
        Some("2") => Ok(()),
        _ => Err(format!(
            "federation_version: {version} is not composed here; write 2, or a version of it"
        )),
    }
}

/// Puts variables in their places; says which one is missing, and where.
fn expand(
    value: &mut Value,
    place: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(), String> {
    match value {
        Value::String(text) => {
            *text = expand_text(text, variable).map_err(|problem| format!("{place}: {problem}"))?;
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                expand(item, &format!("{place}[{index}]"), variable)?;
            }
        }
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                let place = match place {
                    "" => name.clone(),
                    place => format!("{place}.{name}"),
                };
                expand(member, &place, variable)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn expand_text(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inside, after) = after
            .split_once('}')
            .ok_or_else(|| "`${` has no `}`".to_owned())?;
        let name = inside.strip_prefix("env.").ok_or_else(|| {
            format!("`${{{inside}}}` is not known: write ${{env.NAME}} for a variable")
        })?;
        let value = variable(name).ok_or_else(|| format!("the variable {name} is not set"))?;
        expanded.push_str(before);
        expanded.push_str(&value);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SupergraphConfig, String> {
        let variable = |name: &str| match name {
            "HOST" => Some("people.example.com".to_owned()),
            "TOKEN" => Some("a secret".to_owned()),
            _ => None,
        };
        let parsed = SupergraphConfig::parse(text, Path::new("/team"), &variable);
        parsed.map_err(|problem| problem.to_string())
    }

    #[test]
    fn subgraphs_come_in_their_order_with_paths_and_variables_resolved() {
        let config = parse(
            r#"
            federation_version: =2.9.0
            subgraphs:
              reviews:
                routing_url: https://reviews.example.com/graphql
                schema: { file: ./schemas/reviews.graphql }
              people:
                schema:
                  subgraph_url: https://${env.HOST}/graphql
                  introspection_headers: { authorization: "Bearer ${env.TOKEN}" }
              inline:
                routing_url: http://127.0.0.1:4001
                schema: { sdl: "type Query { a: Int }" }
            "#,
        )
        .unwrap();
        let names: Vec<_> = config.subgraphs.iter().map(|one| &*one.name).collect();
        assert_eq!(names, ["reviews", "people", "inline"]);
        let Source::File(file) = &config.subgraphs[0].source else {
            panic!("{config:?}")
        };
        assert_eq!(file, Path::new("/team/./schemas/reviews.graphql"));
        let people = &config.subgraphs[1];
        assert_eq!(people.routing_url, "https://people.example.com/graphql");
        let Source::Service { headers, .. } = &people.source else {
            panic!("{people:?}")
        };
        assert_eq!(headers["authorization"], "Bearer a secret");
        assert!(!format!("{people:?}").contains("a secret"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_place() {
        let check = |text: &str, words: &str| {
            let error = parse(text).map(drop).unwrap_err();
            assert!(error.starts_with("error[CONFIG_INVALID]"), "{error}");
            assert!(error.contains(words), "{text}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        };
        let one = |subgraph: &str| format!("subgraphs:\n  one: {subgraph}");
        check("", "subgraphs");
        check("{}", "subgraphs");
        check("subgraphs: {}", "no subgraphs");
        check("subgraphs: [a]", "it is not a supergraph.yaml");
        check("router: {}\nsubgraphs: {}", "unknown field `router`");
        check(
            "federation_version: 1\nsubgraphs: {}",
            "federation_version: 1",
        );
        check("subgraphs:\n  one: {}\n  one: {}", "line 3");
        check(&one("{}"), " one: missing field `schema`");
        check(&one("{ schema: {} }"), "one of `file`");
        check(&one("{ schema: { file: a, sdl: b } }"), "one of `file`");
        check(&one("{ schema: { file: a } }"), "needs `routing_url`");
        check(
            &one("{ routing_url: here, schema: { file: a } }"),
            "`here` is not a URL",
        );
        check(
            &one("{ schema: { graphref: a@b, subgraph: c } }"),
            "registry",
        );
        check(
            &one("{ routing_url: 'http://a', schema: { file: a, headers: { b: c } } }"),
            "go with",
        );
        check(
            &one("{ schema: { subgraph_url: 'http://a', headers: { 'a b': secret } } }"),
            "`a b` is not",
        );
        check(
            &one("{ schema: { file: '${env.NONE}' } }"),
            "subgraphs.one.schema.file: the variable NONE is not set",
        );
        check(&one("{ schema: { file: '${HOME}' } }"), "write ${env.NAME}");
        check(&one("{ schema: { file: '${env.' } }"), "has no `}`");
    }
}
