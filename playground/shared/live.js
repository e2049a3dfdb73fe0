// Follows a subscription for as long as the page is open: by WebSocket, or by server-sent events where WebSockets do
// not get through. While neither does, it reads the same state by a query, and tries again until one works.

import { Next, REFUSALS, overEventStream, overWebSocket } from "./transports.js";

/** Delays between attempts: doubled each time, with jitter. */
const FIRST_DELAY = 1_000;
const LONGEST_DELAY = 30_000;
const POLL_INTERVAL = 30_000;
const POLL_TIMEOUT = 10_000;
/** A subscription that is open and has not been refused by then is live, although there was no event yet. */
const SETTLED_AFTER = 6_000;

const TRANSPORTS = [
  { name: "WebSocket", open: overWebSocket },
  { name: "event stream", open: overEventStream },
];

/**
 * Follows `subscription` until `stop()`.
 *
 * `onUpdate` gets the data of each event; `poll` reads the same state by a query, or throws `Refused`. A source that
 * `pollsWhenForbidden` may be read when it may not be subscribed to. `onState` gets what the reader should know:
 * `{kind: "connecting" | "live" | "waiting" | "polling" | "signIn" | "stopped", transport, why, until}`.
 */
export function follow({ subscription, variables, bearer, pollsWhenForbidden, poll, onUpdate, onState }) {
  const stopped = new AbortController();
  const { pause, wake } = waiting(stopped.signal);
  const isOver = () => stopped.signal.aborted;
  const say = (state) => isOver() || onState(state);
  const resume = { id: "" };
  let order = TRANSPORTS;
  let updatedAt = 0;

  function update(data) {
    if (isOver()) return;
    updatedAt = Date.now();
    onUpdate(data);
  }

  /** Subscribes by one transport; resolves when that has ended, with `wasLive` beside what the transport says. */
  async function subscribe({ name, open }) {
    let wasLive = false;
    let settling;
    const live = () => {
      wasLive = true;
      say({ kind: "live", transport: name });
    };
    const end = await open(subscription, variables, bearer, {
      signal: stopped.signal,
      resume,
      onOpen: () => (settling = setTimeout(live, SETTLED_AFTER)),
      onData(data) {
        clearTimeout(settling);
        live();
        update(data);
      },
    });
    clearTimeout(settling);
    return { ...end, wasLive };
  }

  /** Subscribes by the transport that worked last, or else by the other one. */
  async function live() {
    let end;
    for (const transport of order) {
      end = await subscribe(transport);
      if (end.reached) order = [transport, ...TRANSPORTS.filter((one) => one !== transport)];
      if (end.reached || isOver()) break;
    }
    return end;
  }

  /** Reads the state by a query. Resolves with the error that it met, or null. */
  async function read() {
    const before = updatedAt;
    try {
      const data = await poll(AbortSignal.any([stopped.signal, AbortSignal.timeout(POLL_TIMEOUT)]));
      // An event that came meanwhile is newer.
      if (updatedAt === before) update(data);
      return null;
    } catch (error) {
      return error;
    }
  }

  /** Polls until the reader returns to the page. Resolves with the refusal that ends it, or null. */
  async function pollOnly(why) {
    for (let woken = false; !woken && !isOver();) {
      const error = await read();
      if (isFinal(error)) return error;
      say({ kind: "polling", why: error?.message ?? why });
      woken = await pause(POLL_INTERVAL);
    }
    return null;
  }

  async function run() {
    say({ kind: "connecting" });
    for (let attempt = 0; !isOver(); attempt += 1) {
      const end = await live();
      if (isOver()) return;
      if (end.wasLive) attempt = 0;
      const mayPoll = end.code === "FORBIDDEN" && pollsWhenForbidden;
      if (end.next === Next.SIGN_IN || (end.next === Next.STOP && !mayPoll)) return finish(end);
      if (end.next === Next.POLL || mayPoll) {
        const refusal = await pollOnly(mayPoll ? "" : end.why);
        if (refusal) return finish({ next: REFUSALS[refusal.code], why: refusal.message });
        continue;
      }
      const isLater = end.next === Next.RETRY_LATER;
      const delay = (isLater ? LONGEST_DELAY : delayAfter(attempt)) * (0.5 + Math.random() / 2);
      const until = Date.now() + delay;
      // A connection that was interrupted is usually back before a query could answer.
      const isInterrupted = attempt === 0 && !isLater;
      const error = isInterrupted ? undefined : await read();
      if (isFinal(error)) return finish({ next: REFUSALS[error.code], why: error.message });
      say(error === null ? { kind: "polling", why: end.why } : { kind: "waiting", why: end.why, until });
      await pause(until - Date.now());
    }
  }

  const finish = ({ next, why }) => say({ kind: next === Next.SIGN_IN ? "signIn" : "stopped", why });

  run();
  return {
    /** Stops for good. */
    stop: () => stopped.abort(),
    /** Ends a delay. */
    retry: wake,
  };
}

const delayAfter = (attempt) => Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** attempt);

const isFinal = (error) => [Next.SIGN_IN, Next.STOP].includes(REFUSALS[error?.code]);

/** Delays that end early when the device comes online or the reader returns to the page. */
function waiting(stopped) {
  let end = () => {};
  const wake = () => end(true);
  const onChange = () => !document.hidden && navigator.onLine && wake();
  addEventListener("online", onChange);
  document.addEventListener("visibilitychange", onChange);
  stopped.addEventListener("abort", () => {
    removeEventListener("online", onChange);
    document.removeEventListener("visibilitychange", onChange);
    wake();
  });
  /** Resolves with whether it was ended early. */
  const pause = (time) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, time, false);
      end = (early) => {
        clearTimeout(timer);
        resolve(early);
      };
    });
  return { pause, wake };
}
