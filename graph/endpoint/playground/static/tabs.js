/** Tabs of GraphiQL: names for people, and how a document becomes one. */

/** Returns the words of an operation's name: those of "PlaceAnOrder" are "Place an order". */
export function wordsOf(name) {
  const words = name.replace(/_+/g, " ").replace(/([a-z0-9])([A-Z])/g, "$1 $2").trim().split(" ");
  // What is in capitals throughout stays so: an abbreviation, say.
  return words.map((word, index) => (index > 0 && /^[A-Z][a-z]|^A$/.test(word) ? word.toLowerCase() : word)).join(" ");
}

/** GraphiQL names its tabs by their operations, and says so to its own Tab.Button: to this one instead. */
export function nameTabsInWords() {
  const { Tab } = GraphiQL.React;
  const { Button } = Tab;
  Tab.Button = ({ children, ...props }) => {
    const words = typeof children === "string" && !children.startsWith("<") ? wordsOf(children) : "New tab";
    return React.createElement(Button, props, words);
  };
}

/**
 * Returns functions that open tabs, for components inside of GraphiQL; null until its editors are there.
 *
 * Both end what runs in the tab that was open, as a click on a tab does.
 *
 * @returns {{ open(...contents: object[]): void, show(index: number): void } | null} `open` takes
 *   `{ query, variables, operationName }`, variables as text; of several, for a tab each, with their `operations`
 */
export function useOpenTab() {
  const { tabs, activeTabIndex, addTab, changeTab, setOperationName, updateActiveTabValues, queryEditor, variableEditor } =
    GraphiQL.React.useEditorContext({ nonNull: true });
  const { stop } = GraphiQL.React.useExecutionContext({ nonNull: true });
  React.useEffect(() => {
    document.querySelector(".graphiql-tab-active")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [tabs.length, activeTabIndex]);
  const waiting = React.useRef([]);
  const latest = React.useRef(addTab);
  latest.current = addTab;
  React.useEffect(() => {
    // The tab that was asked for is there now, with GraphiQL's own text.
    const content = waiting.current.shift();
    if (content) {
      queryEditor.setValue(content.query);
      variableEditor.setValue(content.variables ?? "");
      // GraphiQL reads the editors a moment later, when another tab may be open.
      updateActiveTabValues({ query: content.query, variables: content.variables ?? "", operationName: null });
      if (content.operationName) {
        setOperationName(content.operationName);
      }
    }
    if (waiting.current.length > 0) {
      const hasRead = () => content.operations.includes(queryEditor.operationName);
      whenRead(hasRead, () => latest.current());
    }
  }, [tabs.length]);
  if (!queryEditor || !variableEditor) {
    return null;
  }
  return {
    open(...contents) {
      // In a turn of its own: what addTab does within an event of the person's, a menu's or the address bar's, React may
      // do once more after what waits, and GraphiQL's own text comes back into the editors.
      setTimeout(() => {
        waiting.current = contents;
        stop();
        latest.current();
      });
    },
    show(index) {
      stop();
      changeTab(index);
    },
  };
}

/** Acts when GraphiQL has read what was put into its editors: of a tab that is left before, it keeps the name of another. */
function whenRead(hasRead, act, looks = 100) {
  setTimeout(() => (hasRead() || looks === 0 ? act() : whenRead(hasRead, act, looks - 1)), 20);
}
