/** Keys that GraphiQL has not, or not on every system. All are heard before its editors hear them. */

const FRAMES = 30;

/**
 * Escape and then Tab leave an editor, which takes Tab for itself otherwise (WCAG 2.1.2); Ctrl-K or Cmd-K searches the
 * docs. An answer cannot be written into, so Tab alone leaves it.
 */
export function installKeys() {
  let leaves = false;
  listen((event) => {
    const editor = event.target.closest?.(".CodeMirror");
    if (event.key === "Tab" && editor && (leaves || editor.closest(".result-window"))) {
      event.stopImmediatePropagation(); // The editor does not hear of it, and the browser moves the focus.
    }
    if (event.key !== "Shift") {
      // With completions open, Escape means them.
      leaves = Boolean(editor) && event.key === "Escape" && !document.querySelector(".CodeMirror-hints");
    }
    const isSearch = event.key.toLowerCase() === "k" && event.ctrlKey !== event.metaKey;
    if (isSearch && !event.shiftKey && !event.altKey && !document.querySelector("dialog[open]")) {
      event.preventDefault();
      event.stopImmediatePropagation();
      searchDocs();
    }
  });
}

/** Binds Shift-Ctrl and a letter, for as long as a component is there and the focus in an editor. */
export function useShortcuts(actions) {
  const latest = React.useRef(actions);
  latest.current = actions;
  React.useEffect(
    () =>
      listen((event) => {
        const action = event.ctrlKey && event.shiftKey && !event.altKey && latest.current[event.key.toUpperCase()];
        if (action && event.target.closest?.(".graphiql-editors .CodeMirror")) {
          event.preventDefault();
          event.stopImmediatePropagation();
          action();
        }
      }),
    [],
  );
}

function listen(listener) {
  window.addEventListener("keydown", listener, { capture: true });
  return () => window.removeEventListener("keydown", listener, { capture: true });
}

function searchDocs() {
  document.querySelector("[aria-label='Show Documentation Explorer']")?.click();
  let frames = FRAMES;
  const focus = () => {
    const input = document.querySelector(".graphiql-doc-explorer-search input");
    if (input?.getClientRects().length > 0) {
      input.focus();
    } else if (--frames > 0) {
      requestAnimationFrame(focus); // GraphiQL has yet to show it.
    }
  };
  focus();
}
