// The explorer: GraphiQL over this endpoint, with the frame and the sign-in of the other pages.

import "../shared/frame.css";
import "monaco-editor/min/vs/editor/editor.main.css";
import "@graphiql/react/style.css";
import "graphiql/graphiql.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "@graphiql/plugin-explorer/style.css";
import "./explorer.css";
import "./workers.js";

import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { explorerPlugin } from "@graphiql/plugin-explorer";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { ENTITY_CACHE } from "./cache.jsx";
import { QUERY_PLAN } from "./plan.jsx";
import { REGISTERED } from "./registered.jsx";
import { initialTabs } from "./tabs.js";
import { TRANSPORTS, fetcher, transport } from "./transports.js";
import { frame, markCurrent } from "../shared/shell.js";
import { session, setting } from "../shared/graph.js";

const isShop = setting("shop") === "yes";
const PLUGINS = [HISTORY_PLUGIN, explorerPlugin({ showAttribution: false }), QUERY_PLAN, ENTITY_CACHE, REGISTERED];

function Transport() {
  const [chosen, choose] = useState(transport.chosen);
  const onChange = ({ target }) => {
    transport.chosen = target.value;
    choose(target.value);
  };
  return (
    <label className="transport" title="How the events of subscriptions arrive">
      <span>Events</span>
      <select value={chosen} onChange={onChange} aria-label="Transport of subscriptions">
        {Object.entries(TRANSPORTS).map(([value, { name }]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Explorer({ initial }) {
  // Tabs are read once, so new ones need a new GraphiQL.
  const [{ version, tabs }, replace] = useState({ version: 0, tabs: initial });
  useEffect(() => {
    session.onChange(async () => {
      if (!isShop || !session.token) return;
      const tabs = await initialTabs(isShop);
      replace(({ version }) => ({ version: version + 1, tabs }));
    });
  }, []);
  return (
    <GraphiQL
      key={version}
      fetcher={fetcher}
      plugins={PLUGINS}
      defaultTabs={tabs}
      defaultEditorToolsVisibility="variables"
      inputValueDeprecation
      schemaDescription
    >
      <GraphiQL.Logo> </GraphiQL.Logo>
      <GraphiQL.Toolbar>
        {({ prettify, copy, merge }) => (
          <>
            {prettify}
            {merge}
            {copy}
            <Transport />
          </>
        )}
      </GraphiQL.Toolbar>
    </GraphiQL>
  );
}

frame({ isShop });
markCurrent();
const initial = await initialTabs(isShop);
createRoot(document.getElementById("main")).render(<Explorer initial={initial} />);
