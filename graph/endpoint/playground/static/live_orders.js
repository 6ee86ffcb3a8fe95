/** What happens to the orders of whoever is signed in, below the response of whichever tab is open. */

import { Following } from "./follow.js";
import { describeLive } from "./status.js";
import { NAMED } from "./trouble.js";

const OFF_KEY = "tandem.liveOff";
const SHOWN = 50;
const QUERY = `subscription Live($after: String) {
  orderEvents(after: $after) {
    cursor status failureCode createdAt
    order { databaseId total { amount currency } }
  }
}`;
const place = { variable: "after", cursorOf: (data) => data?.orderEvents?.cursor };

/** What the pane shows: `{ on, state, reason, gap, events }`, followed as long as somebody is signed in and it is on. */
export class LiveOrders {
  #endpoint;
  #session;
  #following = null;
  #listeners = new Set();
  #after = null;
  #now = { on: localStorage.getItem(OFF_KEY) === null, state: "closed", events: [] };

  constructor(endpoint, session) {
    this.#endpoint = endpoint;
    this.#session = session;
    session.addEventListener("change", () => {
      this.#after = null;
      this.#set({ events: [] });
      this.#follow();
    });
    this.#follow();
  }

  get = () => this.#now;

  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Switches it on or off, in this browser until it is switched again. When on again, it tells what it has missed. */
  toggle() {
    const on = !this.#now.on;
    if (on) {
      localStorage.removeItem(OFF_KEY);
    } else {
      localStorage.setItem(OFF_KEY, "yes");
    }
    this.#set({ on });
    this.#follow();
  }

  clear() {
    this.#set({ events: [] });
  }

  #follow() {
    this.#following?.stop();
    this.#following = null;
    if (!this.#now.on || !this.#session.user) {
      return this.#set({ state: "closed" });
    }
    const params = { query: QUERY, variables: { after: this.#after } };
    this.#following = new Following(this.#endpoint, this.#session, { params, headers: NAMED, place }, {
      state: (run) => this.#set(run),
      next: ({ data }) => data?.orderEvents && this.#add(data.orderEvents),
    });
  }

  #add(event) {
    this.#after = event.cursor;
    this.#set({ events: [event, ...this.#now.events].slice(0, SHOWN) });
  }

  #set(change) {
    this.#now = { ...this.#now, ...change };
    this.#listeners.forEach((listener) => listener());
  }
}

const element = (...given) => React.createElement(...given);

/** @param {{ live: LiveOrders }} props */
export function LivePane({ live }) {
  const now = React.useSyncExternalStore(live.subscribe, live.get);
  const { on, state, events } = now;
  return element(
    "section",
    { className: "live-orders", "aria-label": "Your orders, live" },
    element(
      "header",
      null,
      element("h2", null, element("span", { className: "live-dot", "data-state": state }), "Your orders, live"),
      element("span", { className: "live-state", role: "status" }, describe(now)),
      events.length > 0 && button("Clear", () => live.clear()),
      button(on ? "Switch off" : "Switch on", () => live.toggle()),
    ),
    events.length > 0 &&
      element("ol", { tabIndex: 0, "aria-label": "Events, newest first" }, events.map(row)),
  );
}

const button = (text, onClick) => element("button", { type: "button", onClick }, text);

function describe({ on, state, reason, gap }) {
  if (on && state === "closed") {
    return "Sign in to see them here";
  }
  return on ? describeLive({ state, reason, gap }).join(" · ") : "Off";
}

function row({ cursor, status, failureCode, createdAt, order }) {
  const { databaseId, total } = order;
  const told = failureCode ?? (status === "COMPLETED" ? `${total.amount} ${total.currency}` : "");
  return element(
    "li",
    { key: cursor },
    element("time", { dateTime: createdAt }, new Date(createdAt).toTimeString().slice(0, 8)),
    element("span", null, `Order ${databaseId}`),
    element("b", { "data-status": status }, status),
    element("span", null, told),
  );
}
