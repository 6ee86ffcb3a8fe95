/**
 * One subscription on a socket of its own, which goes on when the socket is lost or its token expires.
 *
 * The client inside GraphiQL cannot: its connection_init stays the same, it gives up after five attempts, and it does
 * not notice a connection that has died without being closed. The protocol: github.com/graphql/graphql-over-http,
 * rfcs/GraphQLOverWebSocket.md.
 */

import { whyRefused } from "./trouble.js";

/** The server's close code where the token of connection_init is not good, or not any more. */
const FORBIDDEN = 4403;
/** What the protocol says of a client that does wrong: connecting again would end in the same way. */
const FINAL = [4400, 4401, 4406, 4409, 4429];
const SHORTEST_MS = 250;
const LONGEST_MS = 10_000;
/** How often the server is asked for a sign of life; it must have given one before it is asked again. */
const PING_MS = 5000;

/** A subscription under way: made by its constructor, ended by stop(). */
export class Following {
  #endpoint;
  #session;
  #operation;
  #observer;
  #user;
  #variables;
  #token = null;
  #socket = null;
  #pings;
  #timer;
  #attempts = 0;
  #begun = false;
  #gap = false;
  #failure = null;
  #stopped = false;
  #onSession = () => this.#checkUser();

  /**
   * @param {string} endpoint address of the GraphQL API
   * @param {import("./session.js").Session} session
   * @param {object} operation
   *   `params`: query, variables, operationName. `headers`: the payload of connection_init, to which the session's token
   *   is added unless it has an `authorization`. `place`: where it goes on, see cursor.js; null if nobody knows.
   * @param {{ state: (run: object) => void, next: (message: object) => void }} observer
   *   `state` is told `{ state, reason, gap }`; after "ended" and "completed" nothing follows. `gap` is whether
   *   something may have happened while there was no connection that is not told.
   */
  constructor(endpoint, session, operation, observer) {
    this.#endpoint = endpoint;
    this.#session = session;
    this.#operation = operation;
    this.#observer = observer;
    this.#user = session.user?.databaseId;
    this.#variables = { ...operation.params.variables };
    session.addEventListener("change", this.#onSession);
    this.#tell("connecting");
    this.#connect();
  }

  /** Ends it without a further word to the observer. */
  stop() {
    this.#stopped = true;
    this.#session.removeEventListener("change", this.#onSession);
    this.#disconnect({ gently: true });
  }

  get #hasOwnToken() {
    return "authorization" in this.#operation.headers;
  }

  #tell(state, reason = null) {
    this.#observer.state({ state, reason, gap: this.#gap });
  }

  #end(state, reason) {
    this.stop();
    this.#tell(state, reason);
  }

  #checkUser() {
    if (!this.#hasOwnToken && this.#session.user?.databaseId !== this.#user) {
      this.#end("ended", this.#session.ended);
    }
  }

  async #connect() {
    this.#token = this.#hasOwnToken ? null : await this.#session.token();
    if (this.#stopped) {
      return;
    }
    const address = new URL(this.#endpoint, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address, "graphql-transport-ws");
    this.#socket = socket;
    let wasOpen = false;
    socket.onopen = () => {
      wasOpen = true;
      const { headers } = this.#operation;
      this.#send("connection_init", this.#token ? { ...headers, authorization: `Bearer ${this.#token}` } : headers);
    };
    socket.onclose = ({ code, reason }) => this.#lost({ code, reason, wasOpen });
    this.#watchOver(socket);
  }

  /** A network that is gone, and a server that hangs, close no socket. */
  #watchOver(socket) {
    let silent = false;
    socket.onmessage = ({ data }) => {
      silent = false;
      this.#receive(JSON.parse(data));
    };
    this.#pings = setInterval(() => {
      if (silent) {
        this.#lost({});
      } else {
        silent = true;
        if (socket.readyState === WebSocket.OPEN) {
          this.#send("ping");
        }
      }
    }, PING_MS);
  }

  #send(type, payload) {
    this.#socket.send(JSON.stringify(type === "subscribe" ? { id: "1", type, payload } : { type, payload }));
  }

  #receive({ type, payload }) {
    const { params, place } = this.#operation;
    if (type === "connection_ack") {
      this.#gap ||= this.#begun && !(place && this.#variables[place.variable]);
      this.#begun = true;
      this.#attempts = 0;
      this.#send("subscribe", { ...params, variables: this.#variables });
      this.#tell("live");
    } else if (type === "next") {
      this.#remember(payload);
      this.#observer.next(payload);
    } else if (type === "error") {
      this.#refused(payload);
    } else if (type === "complete") {
      this.#end(this.#failure ? "ended" : "completed", this.#failure);
    } else if (type === "ping") {
      this.#send("pong");
    }
  }

  #remember({ data, errors }) {
    const { place } = this.#operation;
    const cursor = place?.cursorOf(data);
    if (cursor) {
      this.#variables[place.variable] = cursor;
    }
    const nothing = Object.values(data ?? {}).every((value) => value === null);
    this.#failure = nothing && errors ? errors[0].message : null;
  }

  /** The subscription did not begin: too many requests, say, or a document that is not valid. */
  #refused(errors) {
    const seconds = errors[0].extensions?.retryAfter;
    if (seconds) {
      this.#lost({ trouble: { reason: errors[0].message, waitMs: seconds * 1000 } });
    } else {
      this.#observer.next({ errors });
      this.#end("ended", errors[0].message);
    }
  }

  async #lost({ code, reason, wasOpen, trouble }) {
    this.#disconnect();
    if (FINAL.includes(code)) {
      return this.#end("ended", reason || "the server closed the connection");
    }
    if (code === FORBIDDEN && this.#hasOwnToken) {
      return this.#end("ended", "the Authorization header is not, or no longer, good");
    }
    this.#tell("reconnecting", trouble?.reason);
    if (code === FORBIDDEN) {
      await this.#session.renew(this.#token);
    } else if (!wasOpen && !trouble) {
      trouble = await whyRefused(this.#endpoint);
    }
    if (!this.#stopped) {
      this.#tell("reconnecting", trouble?.reason);
      this.#retry(trouble?.waitMs ?? 0);
    }
  }

  #retry(waitMs) {
    const pause = Math.min(LONGEST_MS, SHORTEST_MS * 2 ** this.#attempts) * (0.5 + Math.random() / 2);
    this.#attempts += 1;
    this.#timer = setTimeout(() => this.#connect(), Math.max(waitMs, pause));
  }

  #disconnect({ gently = false } = {}) {
    clearTimeout(this.#timer);
    clearInterval(this.#pings);
    const socket = this.#socket;
    if (!socket) {
      return;
    }
    socket.onopen = socket.onmessage = socket.onclose = null;
    if (gently && socket.readyState === WebSocket.CONNECTING) {
      // Closed before it is open it would be an error in the console.
      socket.onopen = () => socket.close();
    } else {
      socket.close();
    }
  }
}
