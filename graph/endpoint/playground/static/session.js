/** The sign-in of one browser tab: kept in sessionStorage, refreshed before it expires. */

const KEY = "tandem.session";
/** Refresh this long before expiry, or at three quarters of a shorter life. */
const EARLY_MS = 60_000;

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

/** Fires "change" whenever somebody signs in or out; `detail` is a message for the person, or null. */
export class Session extends EventTarget {
  #endpoint;
  #state;
  #refreshing = null;
  #timer;

  /** @param {string} endpoint address of the GraphQL API */
  constructor(endpoint) {
    super();
    this.#endpoint = endpoint;
    this.#state = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    this.#schedule();
  }

  /** Who is signed in: `{ databaseId, fullName, email, isAdmin }`, or null. */
  get user() {
    return this.#state?.user ?? null;
  }

  /** Returns an access token that is good for a while yet, or null. */
  async token() {
    if (this.#state && Date.now() >= this.#state.refreshAt) {
      await this.refresh();
    }
    return this.#state?.accessToken ?? null;
  }

  /** Signs in; throws an Error whose message is for the person. */
  async signIn(email, password) {
    const payload = await this.#mutate("login", LOGIN, { email, password });
    if (!payload.accessToken) {
      throw new Error(payload.errors?.[0]?.message ?? "The sign-in was refused.");
    }
    this.#keep(payload, payload.user);
  }

  /** Ends the session here at once, and on the server as soon as it hears of it. */
  async signOut() {
    const refreshToken = this.#state?.refreshToken;
    this.#forget(null);
    // Should it never hear: the tokens are gone from here, and expire there.
    await this.#mutate("logout", LOGOUT, { refreshToken }).catch(() => {});
  }

  /**
   * Exchanges the refresh token, once however many ask at the same time: a second use of the same token would
   * revoke the whole sign-in. Returns whether there is a new access token.
   */
  refresh() {
    this.#refreshing ??= this.#exchange().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #exchange() {
    const before = this.#state;
    if (!before) {
      return false;
    }
    let payload;
    try {
      payload = await this.#mutate("refreshToken", REFRESH, { refreshToken: before.refreshToken });
    } catch {
      return false; // The server is away or busy: the sign-in may still be good later.
    }
    if (this.#state !== before) {
      return false; // Signed out, or in as somebody else, while we waited.
    }
    if (!payload.accessToken) {
      this.#forget("Your sign-in has ended. Please sign in again.");
      return false;
    }
    this.#keep(payload, before.user);
    return true;
  }

  async #mutate(field, query, input) {
    const response = await fetch(this.#endpoint, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ query, variables: { input } }),
    });
    const body = await response.json().catch(() => ({}));
    const payload = body.data?.[field];
    if (response.status === 429) {
      throw new Error(`Too many requests: try again in ${response.headers.get("retry-after") ?? "some"} seconds.`);
    }
    if (!payload) {
      throw new Error(body.errors?.[0]?.message ?? body.detail ?? `The server answered ${response.status}.`);
    }
    return payload;
  }

  #keep({ accessToken, refreshToken, expiresIn }, user) {
    const life = expiresIn * 1000;
    const refreshAt = Date.now() + life - Math.min(EARLY_MS, life / 4);
    const someoneElse = this.#state?.user.databaseId !== user.databaseId;
    this.#state = { accessToken, refreshToken, refreshAt, user };
    sessionStorage.setItem(KEY, JSON.stringify(this.#state));
    this.#schedule();
    if (someoneElse) {
      this.#changed(null);
    }
  }

  /** Drops the tokens; `message` tells the person why, where it was not their own wish. */
  #forget(message) {
    this.#state = null;
    sessionStorage.removeItem(KEY);
    clearTimeout(this.#timer);
    this.#changed(message);
  }

  #schedule() {
    clearTimeout(this.#timer);
    if (this.#state) {
      this.#timer = setTimeout(() => this.refresh(), Math.max(0, this.#state.refreshAt - Date.now()));
    }
  }

  #changed(message) {
    this.dispatchEvent(new CustomEvent("change", { detail: message }));
  }
}
