// Following something live for as long as the page is open: by WebSocket, else by server-sent events, else by
// asking from time to time; and back again when that may work.

import { Next, REFUSALS, overEventStream, overWebSocket } from "./transports.js";

/** Pauses between attempts: doubled each time, and spread, so that not everybody comes back in one moment. */
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;
/** Attempts in which the server was not reached before another way is tried. */
const PATIENCE = 2;
const POLL_INTERVAL = 30_000;
const POLL_TIMEOUT = 10_000;
/** While the server cannot be reached at all, it is looked for sooner. */
const FIRST_LOOK = 2_000;
/** How long the server may try to find the source of the updates, and a little more. */
const SETTLES = 6_000;
/** After how long of asking live updates are tried again, when they have been refused. */
const BACK_TO_LIVE = 5 * 60_000;
/** And when the server answers queries but no live updates: doubled each time. */
const FIRST_BACK_TO_LIVE = 15_000;

const WAYS = [
  { name: "WebSocket", open: overWebSocket },
  { name: "event stream", open: overEventStream },
];

/**
 * Follows `subscription` until `stop()`.
 *
 * `onUpdate` gets each event's data; `pollsWhenForbidden` is for sources that may be read and not followed; `poll` reads the same state by a query, or throws `Refused`. `onState` hears
 * how it goes: `{kind: "connecting" | "live" | "waiting" | "polling" | "signIn" | "stopped", way, why, until}`.
 */
export function follow({ subscription, variables, bearer, pollsWhenForbidden, poll, onUpdate, onState }) {
  const stopped = new AbortController();
  let wake = () => {};
  const resume = { id: "" };
  /** Also ends early, when something has changed that makes another attempt worth it. */
  const pause = (time) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, time);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const hurry = () => {
    if (!document.hidden && navigator.onLine) wake();
  };
  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", hurry);
  stopped.signal.addEventListener("abort", () => {
    removeEventListener("online", hurry);
    document.removeEventListener("visibilitychange", hurry);
    wake();
  });

  const over = () => stopped.signal.aborted;
  let updated = 0;
  const update = (data) => {
    if (over()) return;
    updated = Date.now();
    onUpdate(data);
  };
  const read = () => poll(AbortSignal.any([stopped.signal, AbortSignal.timeout(POLL_TIMEOUT)]));
  const say = (state) => over() || onState(state);

  /** Tries live updates by both ways until they are over; says what to do then. */
  async function live() {
    let failures = 0;
    let unreached = 0;
    refresh();
    for (let way = 0; way < WAYS.length && !over();) {
      const { name, open } = WAYS[way];
      say({ kind: "connecting", way: name });
      let settled;
      const end = await open(subscription, variables, bearer, {
        signal: stopped.signal,
        resume,
        // There may be nothing to tell yet. What cannot be followed is refused before that.
        onOpen: () => (settled = setTimeout(() => say({ kind: "live", way: name }), SETTLES)),
        onData(data) {
          clearTimeout(settled);
          failures = 0;
          unreached = 0;
          rounds = 0;
          say({ kind: "live", way: name });
          update(data);
        },
      });
      clearTimeout(settled);
      if (over()) break;
      if (end.next !== Next.RETRY) return end;
      failures += 1;
      unreached = end.reached ? 0 : unreached + 1;
      if (unreached >= PATIENCE) {
        way += 1;
        unreached = 0;
        continue;
      }
      const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failures - 1));
      const time = longest * (0.5 + Math.random() / 2);
      say({ kind: "waiting", why: end.why, until: Date.now() + time });
      await Promise.all([pause(time), refresh()]);
    }
    return { next: Next.POLL, why: "live updates cannot get through", unreached: true };
  }

  /**
   * Asks once, when nothing has come for long. Whether it may at all, live updates tell; and what they have told
   * meanwhile is newer.
   */
  async function refresh() {
    const before = updated;
    if (Date.now() - before < POLL_INTERVAL) return;
    const data = await read().catch(() => null);
    if (data && updated === before) update(data);
  }

  /** Rounds in a row in which live updates did not get through. */
  let rounds = 0;

  /**
   * Asks from time to time. Gives the refusal that makes it useless, or null when live may work again: after a
   * while, and as soon as a server that could not be reached answers again.
   */
  async function ask({ why, unreached }) {
    const longest = unreached ? Math.min(BACK_TO_LIVE, FIRST_BACK_TO_LIVE * 2 ** rounds) : BACK_TO_LIVE;
    const until = Date.now() + longest;
    rounds = unreached ? rounds + 1 : 0;
    let lost = 0;
    while (!over() && (lost > 0 || Date.now() < until)) {
      say({ kind: "polling", why, every: POLL_INTERVAL });
      try {
        update(await read());
        if (lost > 0) {
          rounds = 0;
          return null;
        }
      } catch (error) {
        if (over()) return null;
        if (REFUSALS[error.code] === Next.SIGN_IN) return { next: Next.SIGN_IN, why: error.message };
        if (REFUSALS[error.code] === Next.STOP) return { next: Next.STOP, why: error.message };
        lost += 1;
        say({ kind: "polling", why: error.message, every: POLL_INTERVAL });
      }
      const next = lost > 0 ? Math.min(POLL_INTERVAL, FIRST_LOOK * 2 ** (lost - 1)) : POLL_INTERVAL;
      await pause(lost > 0 ? next : Math.min(next, Math.max(0, until - Date.now())));
    }
    return null;
  }

  async function run() {
    while (!over()) {
      let end = subscription ? await live() : { next: Next.POLL, why: "" };
      if (end.next === Next.STOP && end.code === "FORBIDDEN" && pollsWhenForbidden) end = { next: Next.POLL, why: "" };
      if (end.next === Next.POLL && !over()) end = await ask(end);
      if (over() || !end) continue;
      return say({ kind: end.next === Next.SIGN_IN ? "signIn" : "stopped", why: end.why });
    }
  }

  run();
  return {
    /** Stops for good. */
    stop: () => stopped.abort(),
  };
}
