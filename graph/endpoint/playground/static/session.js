/** The sign-in: shared by all tabs of the browser, and refreshed before it expires by one of them. */

import { send } from "./trouble.js";

const KEY = "tandem.session";
const SEEN = "tandem.seen";
/** Refresh this long before expiry, or at three quarters of a shorter life. */
const EARLY_MS = 60_000;
/** Try again this long after a refresh that the server did not answer. */
const RETRY_MS = 30_000;
/** The longest time that setTimeout knows. */
const LONGEST_MS = 2 ** 31 - 1;
/** What a tab writes to localStorage reaches tabs of other processes a moment later: until then they must not refresh. */
const SPREAD_MS = 250;

const SIGNED_OUT = "signed out";
const REVOKED = "your session was revoked";
const EXPIRED = "your session has expired";

/**
 * Without Web Locks, which browsers have for HTTPS and for this machine alone, two tabs might use one refresh token
 * twice, which revokes the session: there each tab has a sign-in of its own.
 */
const shared = Boolean(navigator.locks);
const store = shared ? localStorage : sessionStorage;
const alone = shared ? (work) => navigator.locks.request(KEY, work) : (work) => work();

const LOGIN = `mutation($input: LoginInput!) {
  login(input: $input) {
    accessToken refreshToken expiresIn
    user { databaseId fullName email isAdmin }
    errors { code message }
  }
}`;
const REFRESH = `mutation($input: RefreshTokenInput!) {
  refreshToken(input: $input) { accessToken refreshToken expiresIn errors { code message } }
}`;
const LOGOUT = `mutation($input: LogoutInput!) {
  logout(input: $input) { signedOut }
}`;

/** What is stored: tokens and user, or `{ ended }`, which is why there are none any more; null on a first visit. */
const read = () => JSON.parse(store.getItem(KEY) ?? "null");

/** Fires "change" whenever somebody signs in or out, in whichever tab; `detail` is a message for the person, or null. */
export class Session extends EventTarget {
  #endpoint;
  #state = null;
  #refreshing = null;
  #timer;

  /** Why nobody is signed in, to be read after "Ended:". */
  ended = SIGNED_OUT;

  /** @param {string} endpoint address of the GraphQL API */
  constructor(endpoint) {
    super();
    this.#endpoint = endpoint;
    this.#set(read());
    const isNewTab = !sessionStorage.getItem(SEEN);
    sessionStorage.setItem(SEEN, "yes");
    // An open tab would have refreshed it. On a shared machine, whoever closed the last one has left.
    if (isNewTab && this.#state && Date.now() > this.#state.expiresAt) {
      this.signOut();
    }
    addEventListener("storage", ({ storageArea, key }) => {
      if (storageArea === store && (key === KEY || key === null)) {
        this.#set(read());
      }
    });
  }

  /** Who is signed in: `{ databaseId, fullName, email, isAdmin }`, or null. */
  get user() {
    return this.#state?.user ?? null;
  }

  /** Returns an access token that is good for a while yet, or null. */
  async token() {
    if (this.#state && Date.now() >= this.#state.refreshAt) {
      await this.#refresh();
    }
    return this.#state?.accessToken ?? null;
  }

  /** Returns an access token other than `refused`, or null: the sign-in has ended then, or the server is away. */
  async renew(refused) {
    if (this.#state?.accessToken === refused) {
      await this.#refresh();
    }
    const token = this.#state?.accessToken ?? null;
    return token === refused ? null : token;
  }

  /** Signs in; throws an Error whose message is for the person. */
  async signIn(email, password) {
    const payload = await this.#mutate("login", LOGIN, { email, password });
    if (!payload.accessToken) {
      throw new Error(payload.errors?.[0]?.message ?? "The sign-in was refused.");
    }
    this.#keep(payload, payload.user);
  }

  /** Ends the session in all tabs at once, and on the server as soon as it hears of it. */
  async signOut() {
    const refreshToken = this.#state?.refreshToken;
    this.#write({ ended: SIGNED_OUT });
    // Should it never hear: the tokens are gone from here, and expire there.
    await this.#mutate("logout", LOGOUT, { refreshToken }).catch(() => {});
  }

  /** Exchanges the refresh token, once however many ask at the same time: a second use would revoke the session. */
  #refresh() {
    const spent = this.#state.refreshToken;
    this.#refreshing ??= new Promise((resolve) => {
      alone(async () => {
        await this.#exchange(spent).then(resolve, resolve);
        await new Promise((spread) => setTimeout(spread, SPREAD_MS));
      });
    }).finally(() => {
      this.#refreshing = null;
      this.#schedule(RETRY_MS);
    });
    return this.#refreshing;
  }

  async #exchange(refreshToken) {
    this.#set(read());
    const before = this.#state;
    if (before?.refreshToken !== refreshToken) {
      return; // Another tab was first, or signed out.
    }
    // It throws where the server is away or busy: the sign-in may still be good later.
    const payload = await this.#mutate("refreshToken", REFRESH, { refreshToken });
    if (read()?.refreshToken !== refreshToken) {
      return; // Signed out, or in as somebody else, while we waited.
    }
    if (payload.accessToken) {
      this.#keep(payload, before.user);
    } else if (payload.errors?.some(({ code }) => code === "REFRESH_TOKEN_INVALID")) {
      this.#write({ ended: Date.now() < before.expiresAt ? REVOKED : EXPIRED });
    }
  }

  // Without a timeout: a refresh token is spent even if nobody waits for the answer.
  async #mutate(field, query, input) {
    const { data, problem } = await send(this.#endpoint, { query, variables: { input } });
    if (!data?.[field]) {
      throw new Error(problem);
    }
    return data[field];
  }

  #keep({ accessToken, refreshToken, expiresIn }, user) {
    const expiresAt = Date.now() + expiresIn * 1000;
    const refreshAt = expiresAt - Math.min(EARLY_MS, expiresIn * 250);
    this.#write({ accessToken, refreshToken, refreshAt, expiresAt, user });
  }

  #write(kept) {
    store.setItem(KEY, JSON.stringify(kept));
    this.#set(kept);
  }

  #set(kept) {
    const before = this.user;
    this.#state = kept?.user ? kept : null;
    this.ended = kept?.ended ?? SIGNED_OUT;
    this.#schedule(0);
    if (before?.databaseId !== this.user?.databaseId) {
      this.dispatchEvent(new CustomEvent("change", { detail: this.#farewell() }));
    }
  }

  #schedule(leastMs) {
    clearTimeout(this.#timer);
    if (this.#state) {
      const due = this.#state.refreshAt - Date.now();
      this.#timer = setTimeout(() => this.token(), Math.min(due > 0 ? due : leastMs, LONGEST_MS));
    }
  }

  #farewell() {
    const own = this.#state || this.ended === SIGNED_OUT;
    return own ? null : `Your sign-in has ended: ${this.ended}. Please sign in again.`;
  }
}
