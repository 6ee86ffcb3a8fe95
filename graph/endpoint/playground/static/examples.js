/** The tabs of a first visit, filled with ids that exist. */

import { lastCursor, runs } from "./runs.js";

const WATCH = "WatchItLive";
const LOOK_UP_MS = 2000;

/** Returns GraphiQL's default tabs, or undefined where it has tabs of its own from an earlier visit. */
export async function exampleTabs(endpoint) {
  if (localStorage.getItem("graphiql:tabState")) {
    return undefined;
  }
  const examples = JSON.parse(document.getElementById("examples").textContent);
  const productId = await someProduct(endpoint);
  return examples.map(({ name, query, variables }) => ({
    query,
    variables: name === "order" && productId ? withProduct(variables, productId) : variables,
  }));
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

function withProduct(variables, productId) {
  const filled = JSON.parse(variables);
  filled.input.items[0].productId = productId;
  return JSON.stringify(filled, null, 2);
}

async function someProduct(endpoint) {
  try {
    const response = await fetch(endpoint, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: "{ products(first: 1, filter: { inStock: true }) { edges { node { id } } } }" }),
      signal: AbortSignal.timeout(LOOK_UP_MS),
    });
    return (await response.json()).data?.products?.edges?.[0]?.node.id ?? null;
  } catch {
    return null; // An example with a product that may be missing is better than no page.
  }
}
