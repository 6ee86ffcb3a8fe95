/** How GraphiQL talks to the API: with the session's token, and with a note of what each run cost. */

import { asLog } from "./live.js";
import { lastCursor, runs } from "./runs.js";

const INTROSPECTION = "IntrospectionQuery";
/** What an introspection query is answered, as a file: asking again uses up nobody's rate limit. */
const SCHEMA = "/playground/schema.json";

/**
 * @param {string} endpoint address of the GraphQL API, for HTTP and WebSocket alike
 * @param {import("./session.js").Session} session
 */
export function createFetcher(endpoint, session) {
  const subscriptionUrl = new URL(endpoint, location.href);
  subscriptionUrl.protocol = subscriptionUrl.protocol === "https:" ? "wss:" : "ws:";
  const send = GraphiQL.createFetcher({
    url: endpoint,
    subscriptionUrl: subscriptionUrl.href,
    fetch: (url, init) => fetchWithToken(session, url, init),
  });
  return async (given, options) => {
    // GraphiQL's own: what a person runs comes with its document.
    if (given.operationName === INTROSPECTION && !options?.documentAST) {
      return fetchSchema();
    }
    const params = withoutStaleName(given);
    if (!isSubscription(options?.documentAST, params.operationName)) {
      return send(params, options);
    }
    const report = runs.begin();
    // GraphiQL's client sends these "headers" as the payload of connection_init.
    const headers = withToken(options.headers, await session.token());
    return asLog(await send(params, { ...options, headers }), report);
  };
}

async function fetchSchema() {
  const response = await fetch(SCHEMA);
  if (response.ok) {
    return response.json();
  }
  const message =
    response.status === 404
      ? "The schema is not shown here (TANDEM_GRAPHQL_INTROSPECTION): operations run, but without completion and docs."
      : `The schema could not be loaded: HTTP ${response.status} ${response.statusText}`;
  return { errors: [{ message }] };
}

/** GraphiQL learns the operation's name a moment after an edit, and until then sends the one before. */
function withoutStaleName({ operationName, ...rest }) {
  const named = operationName && new RegExp(`\\b${operationName}\\b`).test(rest.query);
  return named ? { operationName, ...rest } : rest;
}

/** Adds the token unless the Headers editor has an Authorization of its own, in whatever case. */
function withToken(headers, token) {
  const entries = Object.entries(headers ?? {}).map(([name, value]) =>
    name.toLowerCase() === "authorization" ? ["authorization", value] : [name, value],
  );
  const merged = Object.fromEntries(entries);
  if (token && !("authorization" in merged)) {
    merged.authorization = `Bearer ${token}`;
  }
  return merged;
}

async function fetchWithToken(session, url, init) {
  const report = runs.begin();
  const started = performance.now();
  const token = await session.token();
  let response = await fetch(url, { ...init, headers: withToken(init.headers, token) });
  let body = await peek(response);
  if (token && isExpired(body) && (await session.refresh())) {
    response = await fetch(url, { ...init, headers: withToken(init.headers, await session.token()) });
    body = await peek(response);
  }
  note(body, performance.now() - started, report);
  return body === null && !/^multipart/.test(typeOf(response)) ? asErrors(response) : response;
}

/** What a proxy says instead of the API (an HTML page, say), in the form that GraphiQL can show. */
async function asErrors(response) {
  const said = (await response.text()).slice(0, 500);
  return Response.json({ errors: [{ message: `HTTP ${response.status} ${response.statusText}: ${said}` }] });
}

const typeOf = (response) => response.headers.get("content-type") ?? "";

/** Reads a JSON answer without using it up; anything else (a multipart stream, say) is left alone. */
async function peek(response) {
  if (!/[/+]json/.test(typeOf(response))) {
    return null;
  }
  return response.clone().json().catch(() => null);
}

/** Whether the token was refused before anything ran, so that sending the same again is safe. */
function isExpired(body) {
  const ran = Object.values(body?.data ?? {}).some((value) => value !== null);
  return !ran && Boolean(body?.errors?.some((error) => error.extensions?.code === "TOKEN_EXPIRED"));
}

function note(body, ms, report) {
  const { cost, sqlQueries } = body?.extensions ?? {};
  report({ state: "done", ms, cost, sqlQueries });
  // The first event is the order itself; a worker may have been fast enough to add to it.
  const cursor = body?.data?.createOrder?.order?.events?.[0]?.cursor;
  if (cursor) {
    lastCursor.set(cursor);
  }
}

function isSubscription(document, operationName) {
  return Boolean(
    document?.definitions.some(
      (node) =>
        node.kind === "OperationDefinition" &&
        node.operation === "subscription" &&
        (!operationName || node.name?.value === operationName),
    ),
  );
}
