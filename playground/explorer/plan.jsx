// The panel that shows how the operation in the editor is planned, without running it.

import { useEffect, useState } from "react";
import { useGraphiQL, useOperationsEditorState, useVariablesEditorState, useHeadersEditorState } from "@graphiql/react";
import { parse, print } from "graphql";
import { queryPlan } from "./transports.js";

/** How long the reader has to pause before what is written is planned. */
const PAUSE = 500;

const json = (text) => (text.trim() ? JSON.parse(text) : undefined);

function QueryPlan() {
  const [query] = useOperationsEditorState();
  const [variables] = useVariablesEditorState();
  const [headers] = useHeadersEditorState();
  const operationName = useGraphiQL((state) => state.operationName);
  const [{ plan, trouble }, show] = useState({});

  useEffect(() => {
    let isCurrent = true;
    const timer = setTimeout(async () => {
      let shown;
      try {
        const request = { query, operationName, variables: json(variables) };
        shown = { plan: await queryPlan(request, json(headers)) };
      } catch (error) {
        shown = { trouble: error.message };
      }
      if (isCurrent) show(shown);
    }, PAUSE);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [query, variables, headers, operationName]);

  return (
    <section className="panel" aria-label="Query plan">
      <h2>Query plan</h2>
      <p className="muted">What the router asks of which subgraph for the operation in the editor. It is not run.</p>
      {trouble && (
        <p className="trouble" role="status">
          {trouble}
        </p>
      )}
      {plan && (
        <>
          <Node node={plan.node} />
          <details>
            <summary>As JSON</summary>
            <pre tabIndex={0}>{JSON.stringify(plan, null, 2)}</pre>
          </details>
        </>
      )}
    </section>
  );
}

const Steps = ({ title, nodes, className = "steps" }) => (
  <>
    {title && <span className="muted">{title}</span>}
    <ol className={className}>
      {nodes.map((node, index) => (
        <li key={index}>
          <Node node={node} />
        </li>
      ))}
    </ol>
  </>
);

function Node({ node }) {
  switch (node?.kind) {
    case undefined:
      return node?.operation ? <Fetch node={node} /> : <p>No subgraph is asked.</p>;
    case "Sequence":
      return <Steps title="One after another" nodes={node.nodes} />;
    case "Parallel":
      return <Steps title="At the same time" nodes={node.nodes} className="steps parallel" />;
    case "Fetch":
    case "BatchFetch":
      return <Fetch node={node} />;
    case "Flatten":
      return <Fetch node={node.node} path={node.path} />;
    case "Condition":
      return (
        <>
          {node.ifClause && <Steps title={`If $${node.condition}`} nodes={[node.ifClause]} />}
          {node.elseClause && <Steps title={`Unless $${node.condition}`} nodes={[node.elseClause]} />}
        </>
      );
    case "Subscription":
      return (
        <>
          <Steps title="Subscribes" nodes={[node.primary]} />
          {node.rest && <Steps title="For each event" nodes={[node.rest]} />}
        </>
      );
    default:
      return <pre>{JSON.stringify(node, null, 2)}</pre>;
  }
}

function Fetch({ node, path }) {
  if (!node.operation) return <Node node={node} />;
  return (
    <details>
      <summary>
        <span className="subgraph">{node.serviceName}</span>
        {path && <span className="muted"> for {pathText(path)}</span>}
      </summary>
      <pre tabIndex={0}>{formatted(node.operation)}</pre>
    </details>
  );
}

const pathText = (path) =>
  path.map((part) => (typeof part === "string" ? part : Object.values(part).join("|"))).join(".");

function formatted(operation) {
  try {
    return print(parse(operation));
  } catch {
    return operation;
  }
}

const Icon = () => (
  <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true" height="1em">
    <rect x="9" y="2" width="6" height="5" rx="1" />
    <rect x="2" y="17" width="6" height="5" rx="1" />
    <rect x="16" y="17" width="6" height="5" rx="1" />
    <path d="M12 7v5M5 17v-5h14v5" />
  </svg>
);

export const QUERY_PLAN = { title: "Query plan", icon: Icon, content: QueryPlan };
