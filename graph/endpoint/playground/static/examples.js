/** The tabs of a first visit. */

import { lastCursor, runs } from "./runs.js";

const WATCH = "WatchItLive";

/** Returns GraphiQL's default tabs, or undefined where it has tabs of its own from an earlier visit. */
export function exampleTabs() {
  if (localStorage.getItem("graphiql:tabState")) {
    return undefined;
  }
  return JSON.parse(document.getElementById("examples").textContent);
}

/** Keeps the watching tab at the order placed last, until the person writes a cursor of their own there. */
export function useLastCursor() {
  const { tabs, activeTabIndex, variableEditor } = GraphiQL.React.useEditorContext({ nonNull: true });
  const run = React.useSyncExternalStore(runs.subscribe, runs.get);
  const ours = React.useRef(null);
  const title = tabs[activeTabIndex]?.title;
  React.useEffect(() => {
    const after = lastCursor.get();
    if (title !== WATCH || !after || !variableEditor) {
      return;
    }
    const current = variableEditor.getValue();
    ours.current ??= tabs[activeTabIndex].variables;
    const next = JSON.stringify({ after }, null, 2);
    if (current === ours.current && current !== next) {
      variableEditor.setValue(next);
      ours.current = next;
    }
  }, [title, activeTabIndex, variableEditor, run]);
}
