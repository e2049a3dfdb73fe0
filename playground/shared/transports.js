// The two transports of a subscription: graphql-transport-ws, and server-sent events. Both report events until they
// end, and resolve with why they ended.

import { body } from "./graphql.js";
import { endpoint, headers, refusal } from "./graph.js";

/** What the end of a subscription means for the next attempt. */
export const Next = Object.freeze({
  /** Again, after a short delay. */
  RETRY: "retry",
  /** Again, after a long delay: the same would probably happen at once. */
  RETRY_LATER: "retry later",
  /** Not before the reader returns to this page. */
  POLL: "poll",
  /** Not before the reader has signed in. */
  SIGN_IN: "sign in",
  /** Never: what is requested is refused. */
  STOP: "stop",
});

const NOT_UNDERSTOOD = { next: Next.RETRY_LATER, why: "the shop rejected the connection" };

/** The close codes of graphql-transport-ws, and the shop's own. After all others a retry may succeed. */
const CLOSES = {
  1008: { next: Next.RETRY_LATER, why: "too many requests on one connection" },
  1009: { next: Next.RETRY_LATER, why: "a message was too large" },
  4000: { next: Next.RETRY, why: "the connection timed out" },
  // Reconnecting would close the connection of another page, and that one would do the same.
  4001: { next: Next.POLL, why: "another tab is receiving the live updates" },
  4002: { next: Next.RETRY, why: "live updates could not be started" },
  4003: { next: Next.RETRY_LATER, why: "live updates are switched off" },
  4400: NOT_UNDERSTOOD,
  4401: { next: Next.SIGN_IN, why: "Sign in to track this order" },
  4403: { next: Next.SIGN_IN, why: "Your access token was refused or has expired" },
  4406: NOT_UNDERSTOOD,
  4408: { next: Next.RETRY, why: "connecting took too long" },
  4409: NOT_UNDERSTOOD,
  4429: NOT_UNDERSTOOD,
};

/** What an error means for the next attempt, by its code. */
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

/** The end that an event without data stands for. */
const refusedEvent = ({ data, errors }) => (data ? null : refused(errors ?? []));

const INTERRUPTED = { next: Next.RETRY, why: "the connection was interrupted" };
const COMPLETED = { next: Next.RETRY, why: "the shop closed the connection" };

/** How long connecting may take. */
const CONNECT_TIMEOUT = 10_000;
/** How long a connection may be silent before the page sends a ping, and how long the pong may take. */
const SILENCE = 25_000;
const PONG_TIMEOUT = 10_000;

/**
 * Subscribes over WebSocket. Resolves when it has ended, with `next`, `why`, and whether the server was
 * `reached` at all: a proxy may block WebSockets and let other requests through.
 */
export function overWebSocket(operation, variables, bearer, { onOpen, onData, signal }) {
  return new Promise((resolve) => {
    const address = new URL(endpoint);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address, "graphql-transport-ws");
    let reached = false;
    let verdict = null;
    let timer = setTimeout(() => end(INTERRUPTED), CONNECT_TIMEOUT);

    const send = (message) => socket.send(JSON.stringify(message));
    const onMessage = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        send({ type: "ping" });
        timer = setTimeout(() => end(INTERRUPTED), PONG_TIMEOUT);
      }, SILENCE);
    };
    /** Ends it from this side. Without a network the close event would come late. */
    const end = (why) => {
      verdict ??= why;
      socket.close(1000);
      settle();
    };
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", leave);
      removeEventListener("pagehide", interrupt);
      resolve({ ...(verdict ?? INTERRUPTED), reached });
    };
    const leave = () => end(COMPLETED);
    signal.addEventListener("abort", leave);
    // The browser may keep the page for who goes back to it, but not its connections.
    const interrupt = () => end(INTERRUPTED);
    addEventListener("pagehide", interrupt);

    socket.onopen = () => {
      onMessage();
      send({ type: "connection_init", payload: bearer ? { authorization: `Bearer ${bearer}` } : {} });
    };
    socket.onmessage = ({ data }) => {
      if (verdict) return;
      onMessage();
      const message = JSON.parse(data);
      switch (message.type) {
        case "connection_ack":
          reached = true;
          onOpen();
          return send({ id: "1", type: "subscribe", payload: body(operation, variables) });
        case "ping":
          return send({ type: "pong" });
        case "next": {
          const failure = refusedEvent(message.payload);
          return failure ? end(failure) : onData(message.payload.data);
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
 * Subscribes by server-sent events; `EventSource` could not send the token. `resume.id` is the id of the last event,
 * after which the server continues if it still can.
 */
export async function overEventStream(operation, variables, bearer, { onOpen, onData, signal, resume }) {
  let reached = false;
  // Without heartbeats the connection is dead, although the browser may not have noticed.
  const silence = new AbortController();
  let timer;
  const onChunk = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE + PONG_TIMEOUT);
  };
  try {
    onChunk();
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
    for await (const { id, event, data } of events(response.body, onChunk)) {
      if (id) resume.id = id;
      if (event === "complete") return { ...COMPLETED, reached };
      if (event !== "next") continue;
      const payload = JSON.parse(data);
      const failure = refusedEvent(payload);
      if (failure) return { ...failure, reached };
      onData(payload.data);
    }
  } catch {
    // The next attempt will show what is wrong.
  } finally {
    clearTimeout(timer);
  }
  return { ...INTERRUPTED, reached };
}

/** The events of a stream, as the HTML standard reads them; comments are heartbeats. */
async function* events(stream, onChunk) {
  let rest = "";
  for await (const chunk of chunks(stream.pipeThrough(new TextDecoderStream()))) {
    onChunk();
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
