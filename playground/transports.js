// The two ways a subscription comes: graphql-transport-ws, and server-sent events. Both report events until they
// end, and then say why they ended.

import { body } from "./operations.js";
import { endpoint, headers, refusal } from "./vantage.js";

/** What a connection's end means for the next attempt. */
export const Next = Object.freeze({
  /** Again, after a pause. */
  RETRY: "retry",
  /** Not again for now: ask from time to time instead. */
  POLL: "poll",
  /** Not again before the reader has signed in. */
  SIGN_IN: "sign in",
  /** Never: what is asked for is refused. */
  STOP: "stop",
});

/** The close codes of graphql-transport-ws, and the shop's own. All others are worth another attempt. */
const CLOSES = {
  1008: { next: Next.POLL, why: "too much was asked on one connection" },
  1009: { next: Next.POLL, why: "a message was too large" },
  4000: { next: Next.RETRY, why: "the connection had fallen silent" },
  // Coming back at once would close the newest of the other pages, and that one would do the same.
  4001: { next: Next.POLL, why: "another page took this one's place" },
  4002: { next: Next.RETRY, why: "live updates could not be started" },
  4003: { next: Next.POLL, why: "live updates are switched off" },
  4400: { next: Next.POLL, why: "the shop did not understand this page" },
  4401: { next: Next.SIGN_IN, why: "sign in to follow this order" },
  4403: { next: Next.SIGN_IN, why: "the access was refused or has expired" },
  4406: { next: Next.POLL, why: "the shop speaks another protocol" },
  4408: { next: Next.RETRY, why: "connecting took too long" },
  4409: { next: Next.POLL, why: "the shop did not understand this page" },
  4429: { next: Next.POLL, why: "the shop did not understand this page" },
};

/** What an operation's refusal means, by the schema's error codes. */
export const REFUSALS = {
  UNAUTHENTICATED: Next.SIGN_IN,
  FORBIDDEN: Next.STOP,
  NOT_FOUND: Next.STOP,
  BAD_USER_INPUT: Next.STOP,
  GRAPHQL_PARSE_FAILED: Next.STOP,
  GRAPHQL_VALIDATION_FAILED: Next.STOP,
  OPERATION_RESOLUTION_FAILURE: Next.STOP,
};

const refused = (errors) => {
  const { code, message } = refusal(errors);
  return { next: REFUSALS[code] ?? Next.RETRY, why: message, code };
};

/** What an event without data says instead of one. */
const refusedEvent = ({ data, errors }) => (data ? null : refused(errors ?? []));

const INTERRUPTED = { next: Next.RETRY, why: "the connection was interrupted" };
const COMPLETED = { next: Next.RETRY, why: "the shop ended the updates" };

/** How long nothing may come before the page asks whether anybody is there, and how long the answer may take. */
const SILENCE = 25_000;
const PONG = 10_000;

/**
 * Subscribes over WebSocket. Resolves when it has ended, with `next`, `why`, and whether the server was
 * `reached` at all: proxies may refuse WebSockets and let the rest through.
 */
export function overWebSocket(operation, variables, bearer, { onOpen, onData, signal }) {
  return new Promise((resolve) => {
    const address = new URL(endpoint);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address, "graphql-transport-ws");
    let reached = false;
    let verdict = null;
    let timer;

    const send = (message) => socket.send(JSON.stringify(message));
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        send({ type: "ping" });
        timer = setTimeout(() => end(INTERRUPTED), PONG);
      }, SILENCE);
    };
    /** Ends it from this side. The close event may be long in coming when the network is gone. */
    const end = (why) => {
      verdict ??= why;
      socket.close(1000);
      settle();
    };
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", leave);
      resolve({ ...(verdict ?? INTERRUPTED), reached });
    };
    const leave = () => end(COMPLETED);
    signal.addEventListener("abort", leave);

    socket.onopen = () => {
      heard();
      send({ type: "connection_init", payload: bearer ? { authorization: `Bearer ${bearer}` } : {} });
    };
    socket.onmessage = ({ data }) => {
      if (verdict) return;
      heard();
      const message = JSON.parse(data);
      switch (message.type) {
        case "connection_ack":
          reached = true;
          onOpen();
          return send({ id: "1", type: "subscribe", payload: body(operation, variables) });
        case "ping":
          return send({ type: "pong" });
        case "next": {
          const no = refusedEvent(message.payload);
          return no ? end(no) : onData(message.payload.data);
        }
        case "error":
          return end(refused(message.payload));
        case "complete":
          return end(COMPLETED);
      }
    };
    socket.onclose = ({ code }) => {
      if (CLOSES[code]) reached = true;
      verdict ??= CLOSES[code] ?? INTERRUPTED;
      settle();
    };
  });
}

/**
 * Subscribes by server-sent events; `EventSource` could not send the token. `resume.id` is the last event that
 * came: the server goes on after it when it still can.
 */
export async function overEventStream(operation, variables, bearer, { onOpen, onData, signal, resume }) {
  let reached = false;
  // Heartbeats come often: without them the connection is dead, whatever the browser believes.
  const silence = new AbortController();
  let timer;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE + PONG);
  };
  try {
    heard();
    const response = await fetch(endpoint, {
      method: "POST",
      headers: { ...headers("text/event-stream", bearer), ...(resume.id && { "last-event-id": resume.id }) },
      body: JSON.stringify(body(operation, variables)),
      signal: AbortSignal.any([signal, silence.signal]),
      cache: "no-store",
    });
    if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
      const { errors } = await response.json();
      return { ...refused(errors ?? []), reached: true };
    }
    reached = true;
    onOpen();
    for await (const { id, event, data } of events(response.body, heard)) {
      if (id) resume.id = id;
      if (event === "complete") return { ...COMPLETED, reached };
      if (event !== "next") continue;
      const payload = JSON.parse(data);
      const no = refusedEvent(payload);
      if (no) return { ...no, reached };
      onData(payload.data);
    }
  } catch {
    // Whatever broke it, the next attempt will tell.
  } finally {
    clearTimeout(timer);
  }
  return { ...INTERRUPTED, reached };
}

/** The events of a stream, as the HTML standard reads them; comments only show that somebody is there. */
async function* events(stream, heard) {
  let rest = "";
  for await (const chunk of chunks(stream.pipeThrough(new TextDecoderStream()))) {
    heard();
    const blocks = (rest + chunk).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const event = { id: "", event: "message", data: "" };
      for (const line of block.split("\n")) {
        const [, name, value] = line.match(/^(\w+): ?(.*)$/) ?? [];
        if (name === "data") event.data += (event.data && "\n") + value;
        else if (name in event) event[name] = value;
      }
      yield event;
    }
  }
}

/** A stream's pieces; not every browser can iterate over a stream itself. */
async function* chunks(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    // Leaving early hangs up.
    reader.cancel().catch(() => {});
  }
}
