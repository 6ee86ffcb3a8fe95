/** What is known of the last run, for the status line: `{ state, ms, cost, sqlQueries, events }` or null. */

let last = null;
const listeners = new Set();

export const runs = {
  get: () => last,
  set(run) {
    last = run;
    listeners.forEach((listener) => listener());
  },
  subscribe(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

const ORDER_KEY = "tandem.lastOrder";

/** The global id of the order that was placed last in this browser tab, or null. */
export const lastOrder = {
  get: () => sessionStorage.getItem(ORDER_KEY),
  set: (id) => sessionStorage.setItem(ORDER_KEY, id),
};
