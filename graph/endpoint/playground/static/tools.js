/** What stands beside GraphiQL's tabs: the examples, a link to share, and the operation as code. */

import { copy } from "./clipboard.js";
import { asApollo, asCurl, asFetch } from "./copy_as.js";
import { examples, questions, tabOf } from "./examples.js";
import { say } from "./notice.js";
import { withIds } from "./operate.js";
import { linkTo, takeLink } from "./share.js";
import { useOpenTab } from "./tabs.js";

// Looked up when it is called: without its files the page has no React, and says so.
const element = (...parts) => React.createElement(...parts);
const CODE = { curl: asCurl, fetch: asFetch, Apollo: asApollo };

/** @param {{ endpoint: string, session: import("./session.js").Session }} props */
export function Tools({ endpoint, session }) {
  const tabs = useOpenTab();
  useLinks(tabs);
  const operation = useOperation();
  return element(
    "div",
    { className: "tools", role: "group", "aria-label": "Examples and sharing" },
    examples.length > 0 && element(ExamplesMenu, { tabs }),
    questions.length > 0 && element(OperateMenu, { tabs, endpoint, session }),
    element("button", { type: "button", onClick: () => attempt(() => share(operation())) }, "Share"),
    element(
      Menu,
      {
        label: "Copy as",
        items: Object.entries(CODE).map(([name, write]) => ({
          name,
          act: () => attempt(() => copy(write(asked(operation(), endpoint, session)), `the operation as ${name}`)),
        })),
      },
    ),
  );
}

/** The questions of operators, while an administrator is signed in. */
function OperateMenu({ tabs, endpoint, session }) {
  const user = React.useSyncExternalStore(
    (listener) => {
      session.addEventListener("change", listener);
      return () => session.removeEventListener("change", listener);
    },
    () => session.user,
  );
  const latest = React.useRef(tabs);
  latest.current = tabs;
  if (!user?.isAdmin) {
    return null;
  }
  const open = (chosen) =>
    attempt(async () => latest.current?.open(...(await withIds(chosen, endpoint, session))));
  const items = questions.map((question) => ({ name: question.title, act: () => open([question]) }));
  return element(Menu, { label: "Operate", items: [...items, { name: "All six", act: () => open(questions) }] });
}

function ExamplesMenu({ tabs }) {
  const { tabs: open } = GraphiQL.React.useEditorContext({ nonNull: true });
  const items = examples.map((example) => ({
    name: example.title,
    act() {
      const index = tabOf(example, open);
      if (index >= 0) {
        tabs?.show(index);
      } else {
        tabs?.open(example);
      }
    },
  }));
  return element(Menu, { label: "Examples", items });
}

function Menu({ label, items }) {
  const { DropdownMenu } = GraphiQL.React;
  return element(
    DropdownMenu,
    null,
    element(DropdownMenu.Button, null, label, element("span", { "aria-hidden": true }, " ▾")),
    element(
      DropdownMenu.Content,
      null,
      items.map(({ name, act }) => element(DropdownMenu.Item, { key: name, onSelect: act }, name)),
    ),
  );
}

/** Opens what the page's address holds: once the editors are there, and whenever a link is put into the same page. */
function useLinks(tabs) {
  const latest = React.useRef(tabs);
  latest.current = tabs;
  React.useEffect(() => {
    if (!tabs) {
      return undefined;
    }
    const open = () => openLink(latest.current);
    open();
    window.addEventListener("hashchange", open);
    return () => window.removeEventListener("hashchange", open);
  }, [tabs === null]);
}

function openLink(tabs) {
  try {
    const content = takeLink();
    if (content) {
      tabs.open(content);
      say("Opened from a link. Nothing has run yet: read it, then press the button if you want it to.");
    }
  } catch (error) {
    say(error.message);
  }
}

function share(operation) {
  return copy(linkTo(operation), "a link to this tab, without headers and sign-in");
}

/** Returns a function that reads the open tab: `{ query, variables, operationName, operation, hasAuthorization }`. */
function useOperation() {
  const { queryEditor, variableEditor, headerEditor, tabs, activeTabIndex } = GraphiQL.React.useEditorContext({
    nonNull: true,
  });
  return () => {
    const query = queryEditor?.getValue() ?? "";
    return {
      query,
      variables: variablesOf(variableEditor?.getValue() ?? ""),
      hasAuthorization: /"authorization"\s*:/i.test(headerEditor?.getValue() ?? ""),
      ...operationOf(query, tabs[activeTabIndex]?.operationName),
    };
  };
}

function variablesOf(text) {
  try {
    return text.trim() ? JSON.parse(text) : null;
  } catch {
    throw new Error("The variables are not JSON.");
  }
}

/** Which operation of the document is meant: its kind, and its name where there are several. */
function operationOf(query, selected) {
  let document;
  try {
    document = GraphiQL.GraphQL.parse(query);
  } catch {
    return { operation: null, operationName: null };
  }
  const operations = document.definitions.filter(({ kind }) => kind === "OperationDefinition");
  const found = operations.find(({ name }) => name?.value === selected) ?? operations[0];
  return { operation: found?.operation ?? null, operationName: operations.length > 1 ? found.name?.value ?? null : null };
}

function asked({ hasAuthorization, ...operation }, endpoint, session) {
  if (!operation.operation) {
    throw new Error("There is no operation here that could be copied as code.");
  }
  const needsToken = hasAuthorization || session.user !== null;
  return { ...operation, endpoint: new URL(endpoint, location.href).href, needsToken };
}

async function attempt(action) {
  try {
    await action();
  } catch (error) {
    say(error.message);
  }
}
