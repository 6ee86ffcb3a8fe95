/** What a subscription yields, as a list that grows: GraphiQL by itself shows the last message alone. */

import { Following } from "./follow.js";

const SHOWN = 50;

/**
 * Returns what GraphiQL can subscribe to, once.
 *
 * @param {object} operation as for Following
 * @param {(run: object) => void} report told of every message and of what becomes of the connection
 */
export function asLog(endpoint, session, operation, report) {
  return {
    subscribe(graphiql) {
      const log = new Log(report);
      const following = new Following(endpoint, session, operation, {
        next: (message) => graphiql.next(log.add(message)),
        state(run) {
          log.tell(run);
          if (run.state === "ended") {
            graphiql.next(log.shown({ ended: run.reason }));
          }
          if (run.state === "ended" || run.state === "completed") {
            graphiql.complete();
          }
        },
      });
      return {
        unsubscribe() {
          following.stop();
          log.tell({ state: "closed" });
        },
      };
    },
  };
}

class Log {
  #report;
  #run;
  #events = [];
  #count = 0;
  #extensions;

  constructor(report) {
    this.#report = report;
  }

  tell(run) {
    this.#run = run;
    this.#report({ ...run, events: this.#count, cost: this.#extensions?.cost });
  }

  add({ extensions, ...message }) {
    this.#extensions = extensions ?? this.#extensions;
    this.#count += 1;
    this.#events = [{ at: now(), ...message }, ...this.#events].slice(0, SHOWN);
    this.tell(this.#run);
    return this.shown();
  }

  shown(first) {
    return { ...first, newestFirst: this.#events, ...(this.#extensions && { extensions: this.#extensions }) };
  }
}

function now() {
  const time = new Date();
  return `${time.toTimeString().slice(0, 8)}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}
