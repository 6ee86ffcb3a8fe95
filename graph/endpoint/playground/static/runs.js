/** What is known of the last run of each tab, for the status line: `{ state, reason, gap, ms, cost, sqlQueries, sql, events }`. */

const lastOf = new Map();
const listeners = new Set();
let open = null;

function tell() {
  listeners.forEach((listener) => listener());
}

export const runs = {
  /** Begins a run of the tab that is open now; returns a function that tells how it goes, wherever one looks by then. */
  begin() {
    const tab = open;
    return (run) => {
      lastOf.set(tab, run);
      tell();
    };
  },
  /** The last run of the open tab, or null. */
  get: () => lastOf.get(open) ?? null,
  openTab(id) {
    open = id;
    tell();
  },
  subscribe(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

const CURSOR_KEY = "tandem.lastCursor";

/** Where the log of events stood when an order was placed last in this browser tab, or null. */
export const lastCursor = {
  get: () => sessionStorage.getItem(CURSOR_KEY),
  set: (cursor) => sessionStorage.setItem(CURSOR_KEY, cursor),
};
