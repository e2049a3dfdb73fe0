// The panel of the operations that clients have registered.

import { useEffect, useState } from "react";
import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { pages } from "../shared/graph.js";

const MODES = {
  allow: "any operation is allowed",
  "log-unknown": "others are allowed, and logged",
  require: "nothing else is allowed",
};

function Registered() {
  const [{ clients, trouble }, show] = useState({});
  const { addTab } = useGraphiQLActions();
  const queryEditor = useGraphiQL((state) => state.queryEditor);

  useEffect(() => {
    const load = async () => (await fetch(`${pages}operations.json`, { cache: "no-store" })).json();
    load().then(show, (error) => show({ trouble: error.message }));
  }, []);

  const openInTab = (document) => {
    addTab();
    queryEditor.setValue(document);
  };

  return (
    <section className="panel" aria-label="Registered operations">
      <h2>Registered operations</h2>
      {trouble && <p className="trouble">{trouble}</p>}
      {clients?.length === 0 && (
        <p className="muted">
          No client is registered. <code>clients.file</code> names the file with the clients and the manifests of their
          operations.
        </p>
      )}
      {clients?.map(({ name, mode, operations }) => (
        <div key={name}>
          <h3>{name}</h3>
          <p className="muted">
            {operations.length} registered; {MODES[mode]}
          </p>
          <ul>
            {operations.map(({ id, name, kind, document }) => (
              <li key={id} className="operation">
                <details>
                  <summary>
                    {kind} {name}
                  </summary>
                  <code>{id}</code>
                  <pre tabIndex={0}>{document}</pre>
                </details>
                <button type="button" className="graphiql-button" onClick={() => openInTab(document)}>
                  Open
                </button>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </section>
  );
}

const Icon = () => (
  <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true" height="1em">
    <path d="M5 3h10l4 4v14H5z" />
    <path d="m9 14 2 2 4-5" />
  </svg>
);

export const REGISTERED = { title: "Registered operations", icon: Icon, content: Registered };
