/** The buttons beside the query, with their keys: GraphiQL's own Prettify drops comments. */

import { useShortcuts } from "./keyboard.js";
import { say } from "./notice.js";
import { hasComments, prettify } from "./prettify.js";

// Looked up when it is called: without its files the page has no React, and says so.
const element = (...parts) => React.createElement(...parts);

export function EditorTools() {
  const { queryEditor, variableEditor, headerEditor } = GraphiQL.React.useEditorContext({ nonNull: true });
  const copyQuery = GraphiQL.React.useCopyQuery();
  const mergeQuery = GraphiQL.React.useMergeQuery();
  const tidy = () => {
    [variableEditor, headerEditor].forEach((editor) => rewrite(editor, (text) => JSON.stringify(JSON.parse(text), null, 2)));
    const problem = rewrite(queryEditor, prettify);
    say(problem ? `The query is left as it is: ${problem}` : "");
  };
  const merge = () => {
    const hadComments = hasComments(queryEditor?.getValue() ?? "");
    mergeQuery();
    say(hadComments ? "Merging drops comments: undo (Ctrl-Z) brings them back." : "");
  };
  useShortcuts({ P: tidy, F: tidy, M: merge });
  useLabels({ queryEditor, variableEditor, headerEditor });
  const button = (label, action, icon) =>
    element(
      GraphiQL.React.ToolbarButton,
      { label, onClick: action },
      element(GraphiQL.React[icon], { className: "graphiql-toolbar-icon", "aria-hidden": true }),
    );
  return element(
    React.Fragment,
    null,
    button("Prettify, comments and all (Shift-Ctrl-P)", tidy, "PrettifyIcon"),
    button("Merge fragments into query (Shift-Ctrl-M)", merge, "MergeIcon"),
    button("Copy query (Shift-Ctrl-C)", copyQuery, "CopyIcon"),
  );
}

/** Rewrites an editor's text; returns what is wrong with it, or null. What is empty stays so. */
function rewrite(editor, layOut) {
  const text = editor?.getValue() ?? "";
  if (!text.trim()) {
    return null;
  }
  try {
    const next = layOut(text);
    if (next !== text) {
      const cursor = editor.getCursor();
      editor.setValue(next);
      editor.setCursor(cursor);
    }
    return null;
  } catch (error) {
    return error.message;
  }
}

/** Gives each editor the name by which a screen reader calls it, and the line that tells its keys. */
function useLabels(editors) {
  const { responseEditor } = GraphiQL.React.useEditorContext({ nonNull: true });
  const { queryEditor, variableEditor, headerEditor } = editors;
  React.useEffect(() => {
    const names = { Query: queryEditor, Variables: variableEditor, Headers: headerEditor, Response: responseEditor };
    for (const [name, editor] of Object.entries(names)) {
      editor?.setOption("screenReaderLabel", name);
      editor?.getInputField().setAttribute("aria-describedby", "keys");
    }
  }, [queryEditor, variableEditor, headerEditor, responseEditor]);
}
