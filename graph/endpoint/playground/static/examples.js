/** The examples, which a first visit finds as tabs and the menu brings back. */

import { lastCursor, runs } from "./runs.js";
import { wordsOf } from "./tabs.js";

const WATCH = "WatchItLive";

const all = JSON.parse(document.getElementById("examples").textContent).map((example) => {
  const operations = [...example.query.matchAll(/^(?:query|mutation|subscription) (\w+)/gm)].map(([, name]) => name);
  return { ...example, operations, title: wordsOf(operations[0]) };
});

/** The examples: `{ name, title, query, variables, operations }`; none where the server does not tell its schema. */
export const examples = all.filter(({ operate }) => !operate);

/** The same for administrators: the questions of operators. */
export const questions = all.filter(({ operate }) => operate);

/** Returns GraphiQL's default tabs, or undefined where it has tabs of its own from an earlier visit. */
export function exampleTabs() {
  return localStorage.getItem("graphiql:tabState") || examples.length === 0 ? undefined : examples;
}

/** Returns where an example is open, edited or not, or -1. */
export function tabOf({ operations }, tabs) {
  return tabs.findIndex(({ title }) => operations.includes(title));
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
      return undefined;
    }
    ours.current ??= tabs[activeTabIndex].variables;
    const next = JSON.stringify({ after }, null, 2);
    const fill = () => {
      const current = variableEditor.getValue();
      const isOurs = current === ours.current || current === asShipped();
      if (isOurs && current !== next) {
        ours.current = next;
        variableEditor.setValue(next);
      }
    };
    fill();
    // GraphiQL may put the tab's own variables into the editor only now.
    variableEditor.on("change", fill);
    return () => variableEditor.off("change", fill);
  }, [title, activeTabIndex, variableEditor, run]);
}

/** The variables of a watching tab that has just been opened. */
const asShipped = () => examples.find(({ operations }) => operations.includes(WATCH))?.variables;
