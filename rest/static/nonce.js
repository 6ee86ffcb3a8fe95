/**
 * Gives the page's nonce to every <style> element that a script creates. ReDoc makes some before it reads its own
 * nonce option; without this the policy would have to allow inline styles altogether.
 */
{
  const { nonce } = document.currentScript;
  const create = document.createElement.bind(document);
  document.createElement = (name, options) => {
    const element = create(name, options);
    if (String(name).toLowerCase() === "style") {
      element.nonce = nonce;
    }
    return element;
  };
}
