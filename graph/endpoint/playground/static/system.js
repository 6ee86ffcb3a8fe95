/** The strip for administrators: whether all is well, asked every few seconds as long as somebody looks. */

import { count } from "./count.js";
import { ask } from "./operate.js";

const EVERY_MS = 5_000;
const QUERY = `query SystemStrip {
  systemStatus {
    isWell
    problems
    database { orders { status count isEstimate oldestAt } stuckCount }
    redis { workers { name } queues { deadLetters } }
  }
}`;
const OPEN = ["PENDING", "PROCESSING"];

/**
 * Shows the strip while an administrator is signed in, and asks while the page is visible.
 *
 * @param {string} endpoint address of the GraphQL API
 * @param {import("./session.js").Session} session
 */
export function watchSystem(endpoint, session) {
  const strip = document.getElementById("system");
  let looking = null;

  async function look(signal) {
    while (!signal.aborted) {
      try {
        const { systemStatus } = await ask(endpoint, session, QUERY, signal);
        if (!signal.aborted) {
          show(strip, systemStatus);
        }
      } catch (error) {
        if (!signal.aborted) {
          write(strip, "unknown", [error.message], []);
        }
      }
      await pause(EVERY_MS, signal);
    }
  }

  function follow() {
    looking?.abort();
    looking = null;
    const isAdmin = session.user?.isAdmin === true;
    if (!isAdmin || strip.hidden) {
      write(strip, "unknown", [isAdmin ? "Looking…" : ""], []);
    }
    strip.hidden = !isAdmin;
    if (isAdmin && document.visibilityState === "visible") {
      looking = new AbortController();
      look(looking.signal);
    }
  }

  session.addEventListener("change", follow);
  document.addEventListener("visibilitychange", follow);
  follow();
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function show(strip, { isWell, problems, database, redis }) {
  const open = database?.orders.filter(({ status }) => OPEN.includes(status)) ?? [];
  const oldest = open.map(({ oldestAt }) => oldestAt).filter(Boolean).sort()[0];
  const parts = [isWell ? "All is well" : count(problems.length, "problem")];
  if (database) {
    const backlog = open.reduce((sum, one) => sum + one.count, 0);
    parts.push(`${open.some(({ isEstimate }) => isEstimate) ? "about " : ""}${count(backlog, "open order")}`);
    parts.push(...(oldest ? [`oldest ${age(Date.now() - Date.parse(oldest))}`] : []));
  }
  if (redis) {
    parts.push(count(redis.workers.length, "worker"));
    parts.push(count(redis.queues.reduce((sum, { deadLetters }) => sum + deadLetters, 0), "dead letter"));
  }
  write(strip, isWell ? "well" : "unwell", parts, problems);
}

function write(strip, state, parts, problems) {
  const [text, list] = strip.querySelectorAll("span, ul");
  strip.dataset.state = state;
  text.textContent = parts.join(" · ");
  list.replaceChildren(
    ...problems.map((problem) => Object.assign(document.createElement("li"), { textContent: problem })),
  );
}

/** Returns a span of time by its largest unit. */
function age(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [size, unit] = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]].find(([size]) => seconds >= size) ?? [1, "s"];
  return `${Math.floor(seconds / size)} ${unit}`;
}
