/** The line below the response: how long the tab's last run took and, where the API says, what it cost. */

import { count } from "./count.js";
import { runs } from "./runs.js";
import { showStatements } from "./statements.js";

const HINT = "Run it (Ctrl-Enter), and read here what it took";

export function StatusLine() {
  const { tabs, activeTabIndex } = GraphiQL.React.useEditorContext({ nonNull: true });
  const tab = tabs[activeTabIndex]?.id;
  React.useEffect(() => runs.openTab(tab), [tab]);
  const run = React.useSyncExternalStore(runs.subscribe, runs.get);
  const text = run ? describe(run).join(" · ") : HINT;
  return React.createElement("p", { className: "status-line", role: "status" }, text, run?.sql && statements(run.sql));
}

/** What the API tells of its SQL, as a button that shows it. */
function statements(sql) {
  const show = { type: "button", onClick: () => showStatements(sql) };
  return [" · ", React.createElement("button", { key: "sql", ...show }, count(sql.length, "SQL query", "SQL queries"))];
}

function describe(run) {
  const { state, ms, cost, sqlQueries, sql } = run;
  const parts = state === "done" ? [`${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`] : describeLive(run);
  if (cost) {
    parts.push(`cost ${cost.requested} of ${cost.limit}`);
  }
  if (typeof sqlQueries === "number" && !sql) {
    parts.push(count(sqlQueries, "SQL query", "SQL queries"));
  }
  return parts;
}

const STATES = {
  connecting: () => "Connecting…",
  live: () => "Listening",
  reconnecting: (reason) => (reason ? `Reconnecting… ${reason}` : "Reconnecting…"),
  ended: (reason) => `Ended: ${reason}`,
  completed: () => "Complete",
  closed: () => "Closed",
  failed: (reason) => reason,
};

/** What became of a subscription, for the person who watches: see Following. */
export function describeLive({ state, reason, gap, events }) {
  const parts = [STATES[state](reason)];
  if (events !== undefined) {
    parts.push(count(events, "event"));
  }
  if (gap) {
    parts.push("reconnected, perhaps without what happened meanwhile");
  }
  return parts;
}
