/** The dialog behind Authorize: sign in with email and password, or as somebody of the sample data with one click. */

import { UNREACHABLE, tooMany } from "/bar/trouble.js";

const LOGIN = "/api/v1/auth/login";
/** Where the document has the example of a refresh. */
const REFRESH = ["components", "schemas", "RefreshIn", "examples"];

/**
 * Returns a plugin of Swagger UI.
 * @param {{ label: string, email: string, password: string }[]} people whom to offer as one click
 */
export const signInDialog = (people) => (system) => {
  const { createElement: h, useEffect, useRef, useState } = system.React;

  /** Keeps what signs requests in, under the name of the document's one security scheme. */
  function keep(email, token) {
    const [name, schema] = system.authSelectors.shownDefinitions().first().entrySeq().first();
    system.authActions.authorizeWithPersistOption({ [name]: { name, schema, value: token, email } });
    close();
  }

  function close() {
    system.authActions.showDefinitions(false);
  }

  async function signIn(email, password) {
    const tokens = await login(email, password);
    keep(email, tokens.access_token);
    // So that the refresh, too, can be executed as it stands there.
    const example = [{ refresh_token: tokens.refresh_token }];
    system.specActions.updateJsonSpec(system.specSelectors.specJson().setIn(REFRESH, example).toJS());
  }

  function Form() {
    const [error, setError] = useState("");
    const [busy, setBusy] = useState(false);
    const attempt = async (action) => {
      setBusy(true);
      setError("");
      try {
        await action();
      } catch (problem) {
        setError(problem.message);
        setBusy(false);
      }
    };
    const onSubmit = (event) => {
      event.preventDefault();
      const { email, password, token } = event.target.elements;
      attempt(async () => (token.value ? keep("", token.value.trim()) : signIn(email.value, password.value)));
    };
    const buttons = people.map(({ label, email, password }) =>
      h("button", { key: email, type: "button", disabled: busy, onClick: () => attempt(() => signIn(email, password)) },
        `Sign in as ${label}`),
    );
    return h("form", { onSubmit },
      h("label", null, "Email", h("input", { type: "email", name: "email", autoComplete: "username", autoFocus: true })),
      h("label", null, "Password", h("input", { type: "password", name: "password", autoComplete: "current-password" })),
      h("details", null,
        h("summary", null, "I have an access token"),
        h("label", null, "Access token", h("input", { name: "token", autoComplete: "off" }))),
      h("p", { role: "alert" }, error),
      h("menu", null,
        h("button", { type: "button", onClick: close }, "Cancel"),
        h("button", { type: "submit", className: "primary", disabled: busy }, "Sign in")),
      people.length > 0 && h("div", { role: "group", "aria-label": "Sample data" }, buttons),
    );
  }

  function SignedIn({ name, email }) {
    const signOut = () => system.authActions.logoutWithPersistOption([name]);
    return h("div", null,
      h("p", null, email ? `Signed in as ${email}.` : "Signed in with an access token."),
      h("menu", null,
        h("button", { type: "button", onClick: signOut }, "Sign out"),
        h("button", { type: "button", className: "primary", autoFocus: true, onClick: close }, "Close")),
    );
  }

  function Dialog() {
    const place = useRef(null);
    useEffect(() => place.current.showModal(), []);
    const signedIn = system.authSelectors.authorized().first();
    return h("dialog", { ref: place, id: "sign-in", "aria-labelledby": "sign-in-title", onClose: close },
      h("h2", { id: "sign-in-title" }, "Sign in"),
      signedIn ? h(SignedIn, { name: signedIn.get("name"), email: signedIn.get("email") }) : h(Form),
    );
  }

  return { components: { authorizationPopup: Dialog } };
};

/** Returns the tokens; throws an Error whose message is for the person. */
async function login(username, password) {
  const response = await fetch(LOGIN, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username, password }),
  }).catch(() => {
    throw new Error(`${UNREACHABLE}.`);
  });
  const body = await response.json().catch(() => ({}));
  if (response.status === 429) {
    throw new Error(tooMany(response));
  }
  if (!response.ok) {
    throw new Error(body.detail ?? `The server answered ${response.status}.`);
  }
  return body;
}
