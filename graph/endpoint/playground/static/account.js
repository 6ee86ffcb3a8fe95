/** The sign-in controls in the page's bar. */

const find = (id) => document.getElementById(id);

/** @param {import("./session.js").Session} session */
export function connectAccount(session) {
  const dialog = find("sign-in");
  const form = find("sign-in-form");

  for (const button of document.querySelectorAll("button[data-email]")) {
    button.addEventListener("click", async () => {
      const { email, password } = button.dataset;
      const done = await attempt(button, find("account-message"), () => session.signIn(email, password));
      (done ? find("sign-out") : button).focus();
    });
  }
  find("sign-out").addEventListener("click", () => {
    session.signOut();
    // What had the focus is hidden now, and whoever works with the keyboard would begin at the top again.
    find("signed-out").querySelector("button").focus();
  });
  find("open-sign-in").addEventListener("click", () => {
    find("sign-in-error").textContent = "";
    dialog.showModal();
  });
  find("cancel-sign-in").addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { email, password } = form.elements;
    const done = await attempt(event.submitter, find("sign-in-error"), () =>
      session.signIn(email.value, password.value),
    );
    if (done) {
      form.reset();
      dialog.close();
      find("sign-out").focus();
    }
  });
  session.addEventListener("change", (event) => show(session.user, event.detail));
  show(session.user, null);
}

async function attempt(button, message, action) {
  message.textContent = "";
  button.disabled = true;
  try {
    await action();
    return true;
  } catch (error) {
    message.textContent = error.message;
    return false;
  } finally {
    button.disabled = false;
  }
}

function show(user, message) {
  find("account-message").textContent = message ?? "";
  find("signed-out").hidden = user !== null;
  find("signed-in").hidden = user === null;
  if (user) {
    find("who").textContent = `${user.fullName} · ${user.email}${user.isAdmin ? " · admin" : ""}`;
  }
}
