/** Names for the inputs of GraphiQL and its plugins that have none, for screen readers (WCAG 4.1.2). */

const UNNAMED = ":is(input, select, textarea):not([aria-label], [aria-labelledby])";
const NAMES = [
  [".graphiql-doc-explorer-search *", () => "Search the docs"],
  [".CodeMirror-search-field", () => "Search in this editor"],
  [".graphiql-explorer-actions select", () => "Kind of operation to add"],
  ["[data-arg-name] *", (input) => input.closest("[data-arg-name]").dataset.argName],
  ["[placeholder]", (input) => input.placeholder],
];

/** Names every input that comes into the page, for as long as the page is there. */
export function labelInputs() {
  const label = () => {
    for (const input of document.querySelectorAll(UNNAMED)) {
      const [, nameOf] = NAMES.find(([selector]) => input.matches(selector)) ?? [];
      if (nameOf && input.labels.length === 0) {
        input.setAttribute("aria-label", nameOf(input));
      }
    }
  };
  label();
  new MutationObserver(label).observe(document.body, { childList: true, subtree: true });
}
