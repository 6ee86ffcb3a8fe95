/**
 * Links that carry a document: `/graphql#query=…&variables=…&operationName=…`, encoded as a form is.
 *
 * In the fragment, which browsers send to no server: it is in no log. Headers and tokens are never part of it. Whoever
 * opens one gets a tab, and nothing runs. `/graphql?query=…`, as GET requests have it, is read alike.
 */

/** Characters of a link that is read: as many as the server takes of a document. */
const LONGEST = 100_000;
/** Brackets within each other: with thousands of them GraphiQL's parsers run out of stack. */
const DEEPEST = 200;

/**
 * @param {object} tab what it holds: `query`, and perhaps `variables` as an object, and `operationName`
 * @param {string} playground where the playground is
 * @returns {string} its address with the tab's content
 */
export function linkTo({ query, variables, operationName }, playground = location.pathname) {
  const parts = new URLSearchParams({ query });
  if (variables) {
    parts.set("variables", JSON.stringify(variables));
  }
  if (operationName) {
    parts.set("operationName", operationName);
  }
  const link = new URL(`${playground}#${parts}`, location.origin).href;
  if (link.length > LONGEST) {
    throw new Error("This is too long for a link.");
  }
  return link;
}

/**
 * Takes the document out of the page's address, and the address back to what it is without one.
 *
 * @returns {{ query: string, variables: string, operationName: string | null } | null} null if there is none
 * @throws {Error} the link cannot be read; the message is for the person
 */
export function takeLink() {
  const { hash, search, pathname } = location;
  const text = hash.length > 1 ? hash.slice(1) : new URLSearchParams(search).has("query") ? search.slice(1) : "";
  if (!text) {
    return null;
  }
  // A reload brings the tab back as it is by then, and not the link once more.
  history.replaceState(history.state, "", pathname);
  return read(text);
}

function read(text) {
  if (text.length > LONGEST) {
    throw new Error("The link is too long to be opened.");
  }
  const parts = new URLSearchParams(text);
  const query = parts.get("query");
  if (!query?.trim()) {
    throw new Error("The link holds no document: it should have query=… in it.");
  }
  // What is no UTF-8 becomes this sign.
  if ([...parts.values()].some((value) => value.includes("\uFFFD"))) {
    throw new Error("The link is damaged: a part of it cannot be decoded.");
  }
  if (depthOf(query + (parts.get("variables") ?? "")) > DEEPEST) {
    throw new Error("The document of the link is nested too deeply.");
  }
  return { query, variables: laidOut(parts.get("variables")), operationName: parts.get("operationName") || null };
}

function depthOf(text) {
  let [depth, deepest] = [0, 0];
  for (const [bracket] of text.matchAll(/[{}()[\]]/g)) {
    depth += "{([".includes(bracket) ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

function laidOut(text) {
  if (!text?.trim()) {
    return "";
  }
  try {
    const variables = JSON.parse(text);
    if (variables === null || typeof variables !== "object" || Array.isArray(variables)) {
      throw new Error();
    }
    return JSON.stringify(variables, null, 2);
  } catch {
    throw new Error("The variables of the link are not a JSON object.");
  }
}
