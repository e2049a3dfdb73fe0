// The panel that shows what of the last answer came from the router's entity cache, and why the rest did not.

import { useEffect, useState } from "react";
import { cacheReport } from "./transports.js";

const BYPASSES = {
  private: "not public",
  excluded: "its subgraph is excluded",
  suspended: "suspended: invalidations may be missed",
  written: "you have just changed something",
};

function EntityCache() {
  const [uses, show] = useState(cacheReport.last);
  useEffect(() => cacheReport.subscribe(show), []);
  return (
    <section className="panel" aria-label="Entity cache">
      <h2>Entity cache</h2>
      <p className="muted">What of the last answer was stored in the router, by fetch, and why the rest was not.</p>
      {!uses && <p role="status">No query has run yet, or the cache is off: set router.entity_cache.enabled.</p>}
      {uses?.length === 0 && <p role="status">No subgraph was asked for anything that could be stored.</p>}
      {uses?.length > 0 && (
        <ul>
          {uses.map((use, index) => (
            <li key={index}>
              <span className="subgraph">{use.subgraph}</span> {use.type} <span className="muted">{summary(use)}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function summary({ bypassed, hits, misses, expired, invalidated, shared }) {
  if (bypassed) return `fetched: ${BYPASSES[bypassed] ?? bypassed}`;
  if (shared) return `${shared.hits} of ${shared.hits + shared.misses} missing ones shared by other routers`;
  const reasons = [
    [misses - expired - invalidated, "not stored"],
    [expired, "expired"],
    [invalidated, "invalidated"],
  ];
  const fetched = reasons.filter(([count]) => count > 0).map(([count, reason]) => `${count} ${reason}`);
  const found = `${hits} of ${hits + misses} stored`;
  return fetched.length ? `${found}; fetched: ${fetched.join(", ")}` : found;
}

const Icon = () => (
  <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true" height="1em">
    <ellipse cx="12" cy="6" rx="8" ry="3" />
    <path d="M4 6v6c0 1.7 3.6 3 8 3s8-1.3 8-3V6M4 12v6c0 1.7 3.6 3 8 3s8-1.3 8-3v-6" />
  </svg>
);

export const ENTITY_CACHE = { title: "Entity cache", icon: Icon, content: EntityCache };
