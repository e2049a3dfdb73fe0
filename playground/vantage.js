// What all pages share: who is signed in, and how the graph is asked.

import { ENDPOINT } from "./endpoint.js";
import { body } from "./operations.js";

export const endpoint = new URL(ENDPOINT, location.origin);

const TOKEN = "token";
const changes = new EventTarget();

/** The pasted access token. It lives as long as the tab, and the explorer knows it by the same name. */
export const session = {
  get token() {
    return sessionStorage.getItem(TOKEN) ?? "";
  },
  set token(token) {
    const bare = token.trim().replace(/^bearer\s+/i, "");
    if (bare) sessionStorage.setItem(TOKEN, bare);
    else sessionStorage.removeItem(TOKEN);
    changes.dispatchEvent(new Event("change"));
  },
  /** Calls back after every sign-in and sign-out. */
  onChange(callback) {
    changes.addEventListener("change", callback);
  },
};

/** Takes a value out of the address, where it would stay in the history: `#token=…`, `#guest=…`. */
export function takeFromFragment(name) {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const value = fragment.get(name);
  if (value === null) return null;
  fragment.delete(name);
  const rest = fragment.size > 0 ? `#${fragment}` : "";
  history.replaceState(null, "", location.pathname + location.search + rest);
  return value;
}

const token = takeFromFragment("token");
if (token) session.token = token;

/** What the graph says no with. `code` is one of the schema's error codes, or NETWORK. */
export class Refused extends Error {
  constructor(message, code, data = null) {
    super(message);
    this.name = "Refused";
    this.code = code;
    this.data = data;
  }
}

/** The refusal that a response's errors come to. */
export function refusal(errors, data = null) {
  const [first] = errors;
  return new Refused(first?.message ?? "Something went wrong", first?.extensions?.code ?? "INTERNAL", data);
}

export function headers(accept, bearer = session.token) {
  return {
    "content-type": "application/json",
    accept,
    ...(bearer && { authorization: `Bearer ${bearer}` }),
  };
}

/**
 * Asks the graph, and gives the data. Throws `Refused` when there is none; when only a part of it failed, that
 * part is null and `onPartial` hears the errors.
 */
export async function request(operation, variables, { signal, onPartial } = {}) {
  const post = {
    method: "POST",
    headers: headers("application/graphql-response+json, application/json"),
    body: JSON.stringify(body(operation, variables)),
    signal,
  };
  let answer;
  try {
    answer = await (await fetch(endpoint, post)).json();
  } catch (error) {
    if (error.name === "TimeoutError") throw new Refused("The shop does not answer.", "NETWORK");
    if (signal?.aborted) throw error;
    throw new Refused("The shop cannot be reached. Check the connection and try again.", "NETWORK");
  }
  const errors = answer.errors ?? [];
  if (!answer.data && session.token && refusal(errors).code === "UNAUTHENTICATED") {
    // A token that is refused for everything: the shop is public, and the reader is a visitor again.
    session.token = "";
    return request(operation, variables, { signal, onPartial });
  }
  if (errors.length > 0) {
    const everythingFailed = !answer.data || Object.values(answer.data).every((value) => value === null);
    if (everythingFailed) throw refusal(errors, answer.data);
    onPartial?.(errors);
  }
  return answer.data;
}

/**
 * Keys for a mutation: the same as long as the same thing is asked, so that a second click or a repeat
 * after a lost answer has no second effect.
 */
export function idempotencyKeys() {
  let last = { asked: null, key: null };
  return (input) => {
    const asked = JSON.stringify(input);
    if (asked !== last.asked) last = { asked, key: randomHex() };
    return last.key;
  };
}

/** 128 bits. `crypto.randomUUID` is missing on a phone that opens a developer's machine without TLS. */
function randomHex() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
