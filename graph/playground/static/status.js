/** The line below the response: how long the last run took and, where the API says, what it cost. */

import { runs } from "./runs.js";

export function StatusLine() {
  const run = React.useSyncExternalStore(runs.subscribe, runs.get);
  return React.createElement("p", { className: "status-line", role: "status" }, run ? describe(run).join(" · ") : "");
}

function describe({ state, ms, cost, sqlQueries, events }) {
  if (state !== "done") {
    return [state === "live" ? "Listening" : "Closed", count(events, "event")];
  }
  const parts = [`${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`];
  if (cost) {
    parts.push(`cost ${cost.requested} of ${cost.limit}`);
  }
  if (typeof sqlQueries === "number") {
    parts.push(count(sqlQueries, "SQL query", "SQL queries"));
  }
  return parts;
}

function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}
