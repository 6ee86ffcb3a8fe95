/**
 * Gives the page's nonce to every <style> element that a script creates.
 *
 * GraphiQL's dialogs and menus add such elements (to lock scrolling), and its bundle has no setting for a nonce.
 * Without this the policy would have to allow inline styles altogether.
 */
export function giveNonceToStyles() {
  const { nonce } = document.querySelector("script[nonce]");
  const create = document.createElement.bind(document);
  document.createElement = (name, options) => {
    const element = create(name, options);
    if (String(name).toLowerCase() === "style") {
      element.nonce = nonce;
    }
    return element;
  };
}
