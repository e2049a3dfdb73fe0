//! What the protocol asks of a server: its tools, and calls of them.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::request;
use platform::panics;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData,
    Implementation, ListToolsResult, MetaObject, PaginatedRequestParams, ProtocolVersion,
    ServerCapabilities, ServerConfig, Tool as ToolDescription, ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};
use router::tools::Tool;
use router::{ErrorCode, GraphQLError, GraphQLResponse, OperationKind};
use serde_json::{Map, Value, json};

use super::Settings;
use super::endpoint::ToolRequest;
use super::rejection::Rejection;

/// The revisions of the protocol that are spoken.
static VERSIONS: [ProtocolVersion; 3] = [
    ProtocolVersion::V_2025_06_18,
    ProtocolVersion::V_2025_11_25,
    ProtocolVersion::V_2026_07_28,
];

/// Where a tool lists the scopes that its fields require.
const SCOPES: &str = "vantage/scopes";

/// The handlers of the protocol's requests.
#[derive(Clone, Debug)]
pub(super) struct ToolServer(pub(super) Arc<Settings>);

impl ServerHandler for ToolServer {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("vantage", env!("CARGO_PKG_VERSION")))
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(&VERSIONS)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = &request_of(&context)?.tools;
        let cursor = request.and_then(|request| request.cursor);
        // A cursor is the name of the last tool before it, so that a page is right after others have been added or removed.
        if let Some(cursor) = &cursor
            && tools.find(cursor).is_none()
        {
            let message = "the cursor is not valid any more: list the tools from the beginning";
            return Err(ErrorData::invalid_params(message, None));
        }
        let left = tools.after(cursor.as_deref());
        let page = left.get(..self.0.page_size).unwrap_or(left);
        let next_cursor = match page.last() {
            Some(last) if page.len() < left.len() => Some(last.name.clone()),
            _ => None,
        };
        let ttl_ms = u64::try_from(self.0.list_ttl.as_millis()).unwrap_or(u64::MAX);
        Ok(ListToolsResult {
            tools: page.iter().map(|tool| describe(tool)).collect(),
            next_cursor,
            ttl_ms: Some(ttl_ms),
            cache_scope: Some(CacheScope::Private),
            ..ListToolsResult::default()
        })
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let asked = request_of(&context)?;
        let Some(tool) = asked.tools.find(&request.name) else {
            let message = format!("there is no tool `{}`: list the tools", request.name);
            return Err(ErrorData::invalid_params(message, None));
        };
        let arguments = request.arguments.unwrap_or_default();
        let called = panics::catch(asked.call(tool, arguments)).await;
        let result = called.unwrap_or_else(|message| {
            tracing::error!(
                tool = tool.name,
                error = message,
                "a call of a tool panicked"
            );
            let error = GraphQLError::new(ErrorCode::Internal, "an internal error happened");
            Ok(result_of(&GraphQLResponse::request_error(vec![error])))
        });
        match result {
            Ok(result) => Ok(result.into()),
            Err(rejection) => {
                let error = rejection.error();
                asked.outcome.lock().rejection = Some(rejection);
                Err(error)
            }
        }
    }
}

impl ToolRequest {
    async fn call(
        &self,
        tool: &Tool,
        arguments: Map<String, Value>,
    ) -> Result<CallToolResult, Rejection> {
        if !self.has_key
            && let Some(code) = tool.denial(&self.client.caller())
        {
            return Err(Rejection::denied(code, &tool.name, &tool.scopes()));
        }
        // GraphQL ignores unknown variables. A model that invents one should learn that it had no effect.
        let unknown = |name: &&String| !tool.arguments().any(|known| known == **name);
        if let Some(name) = arguments.keys().find(unknown) {
            let known: Vec<_> = tool.arguments().collect();
            let message = match known.is_empty() {
                true => format!("There is no argument `{name}`: the tool takes none."),
                false => format!("There is no argument `{name}`, only {}.", known.join(", ")),
            };
            self.client.refused(ErrorCode::BadUserInput);
            let error = GraphQLError::new(ErrorCode::BadUserInput, message);
            return Ok(result_of(&GraphQLResponse::request_error(vec![error])));
        }
        self.outcome.lock().ran = Some(tool.operation.kind);
        let response = self
            .client
            .run_registered(&tool.operation, arguments)
            .await?;
        Ok(result_of(&response))
    }
}

/// The request that the protocol's message came in.
fn request_of(context: &RequestContext<RoleServer>) -> Result<&ToolRequest, ErrorData> {
    let parts = context.extensions.get::<request::Parts>();
    let request = parts.and_then(|parts| parts.extensions.get::<Arc<ToolRequest>>());
    request.map(AsRef::as_ref).ok_or_else(|| {
        tracing::error!("a message of the protocol has no request");
        ErrorData::internal_error("an internal error happened", None)
    })
}

/// A tool in the protocol's form.
fn describe(tool: &Tool) -> ToolDescription {
    let is_query = tool.operation.kind == OperationKind::Query;
    let annotations = ToolAnnotations::new()
        .read_only(is_query)
        .destructive(!is_query)
        .idempotent(is_query)
        // A mutation may call third parties.
        .open_world(!is_query);
    let (name, description) = (tool.name.clone(), tool.description.clone());
    let described = ToolDescription::new(name, description, tool.input_schema.clone())
        .with_raw_output_schema(tool.output_schema.clone())
        .with_annotations(annotations);
    let scopes = tool.scopes();
    if scopes.is_empty() {
        return described;
    }
    let meta = Map::from_iter([(SCOPES.to_owned(), json!(scopes))]);
    described.with_meta(MetaObject::from(meta))
}

/// Data as text and as a structure. With errors, the text is the whole response, and the structure what there is of the
/// data.
fn result_of(response: &GraphQLResponse) -> CallToolResult {
    let data = response.data.as_deref().unwrap_or_default();
    let structure = serde_json::from_slice(data).ok().filter(Value::is_object);
    let mut result = if response.errors.is_empty() {
        let text = String::from_utf8_lossy(data).into_owned();
        CallToolResult::success(vec![ContentBlock::text(text)])
    } else {
        let text = String::from_utf8_lossy(&response.to_bytes()).into_owned();
        CallToolResult::error(vec![ContentBlock::text(text)])
    };
    result.structured_content = structure;
    result
}
