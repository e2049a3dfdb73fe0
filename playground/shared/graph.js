// Who is signed in, and requests to the graph.

import { body } from "./graphql.js";

/** What the server writes into the page's head. */
export const setting = (name) => document.querySelector(`meta[name="${name}"]`).content;

/** The GraphQL endpoint. */
export const endpoint = new URL(setting("graphql-endpoint"), location.origin);

/** The folder of the pages. */
export const pages = setting("pages");

const TOKEN = "token";
const changes = new EventTarget();

/** The access token. It is kept until the tab is closed, and all pages share it. */
export const session = {
  /** Whether the last token was refused. */
  wasRefused: false,
  get token() {
    return sessionStorage.getItem(TOKEN) ?? "";
  },
  set token(token) {
    const bare = token.trim().replace(/^bearer\s+/i, "");
    if (bare) sessionStorage.setItem(TOKEN, bare);
    else sessionStorage.removeItem(TOKEN);
    this.wasRefused = false;
    changes.dispatchEvent(new Event("change"));
  },
  /** Signs out because the graph does not accept the token. */
  refuse() {
    sessionStorage.removeItem(TOKEN);
    this.wasRefused = true;
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

/** Why a request failed. `code` is one of the schema's error codes, or NETWORK. */
export class Refused extends Error {
  constructor(message, code, data = null) {
    super(message);
    this.name = "Refused";
    this.code = code;
    this.data = data;
  }
}

/** The error that a response without data amounts to. */
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
 * Runs an operation and returns its data. Throws `Refused` when there is none; when only a part of it failed, that
 * part is null and `onPartial` gets the errors.
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
    if (error.name === "TimeoutError") throw new Refused("The shop is taking too long to respond.", "NETWORK");
    if (signal?.aborted) throw error;
    throw new Refused("The shop cannot be reached. Check your connection and try again.", "NETWORK");
  }
  const errors = answer.errors ?? [];
  if (!answer.data && session.token && refusal(errors).code === "UNAUTHENTICATED") {
    // The shop is public: without the token, the reader is a visitor again.
    session.refuse();
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
 * Idempotency keys for a mutation: the same key as long as the input is the same, so that a second click or a repeat
 * after a lost answer has no second effect.
 */
export function idempotencyKeys() {
  let last = { input: null, key: null };
  return (value) => {
    const input = JSON.stringify(value);
    if (input !== last.input) last = { input, key: randomHex() };
    return last.key;
  };
}

/** 128 bits. `crypto.randomUUID` is missing on a phone that opens a developer's machine without TLS. */
export function randomHex() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
