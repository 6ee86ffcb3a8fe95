/** How GraphiQL talks to the API: with the session's token, and with a note of what each run cost. */

import { tooMany } from "/bar/trouble.js";
import { findSubscription, placeIn } from "./cursor.js";
import { asLog } from "./live.js";
import { lastCursor, runs } from "./runs.js";
import { NAMED, reach } from "./trouble.js";

const INTROSPECTION = "IntrospectionQuery";
/** What an introspection query is answered, as a file: asking again uses up nobody's rate limit. */
const SCHEMA = "/playground/schema.json";
const REFUSED = ["TOKEN_EXPIRED", "TOKEN_INVALID"];

/**
 * @param {string} endpoint address of the GraphQL API, for HTTP and WebSocket alike
 * @param {import("./session.js").Session} session
 */
export function createFetcher(endpoint, session) {
  const send = GraphiQL.createFetcher({
    url: endpoint,
    fetch: (url, init) => fetchWithToken(session, url, init),
  });
  return async (given, options) => {
    // GraphiQL's own: what a person runs comes with its document.
    if (given.operationName === INTROSPECTION && !options?.documentAST) {
      return fetchSchema();
    }
    const params = withoutStaleName(given);
    const { documentAST: document, headers } = options ?? {};
    if (!findSubscription(document, params.operationName)) {
      return send(params, options);
    }
    const place = placeIn(document, params.operationName);
    return asLog(endpoint, session, { params, headers: withToken(headers, null), place }, runs.begin());
  };
}

async function fetchSchema() {
  try {
    const response = await reach(SCHEMA);
    return response.ok ? response.json() : { errors: [{ message: whyNoSchema(response) }] };
  } catch (error) {
    return { errors: [{ message: error.message }] };
  }
}

function whyNoSchema({ status, statusText }) {
  return status === 404
    ? "The schema is not shown here (TANDEM_GRAPHQL_INTROSPECTION): operations run, but without completion and docs."
    : `The schema could not be loaded: HTTP ${status} ${statusText}`;
}

/** GraphiQL learns the operation's name a moment after an edit, and until then sends the one before. */
function withoutStaleName({ operationName, ...rest }) {
  const named = operationName && new RegExp(`\\b${operationName}\\b`).test(rest.query);
  return named ? { operationName, ...rest } : rest;
}

/** Adds the page's name, and the token, unless the Headers editor has them of its own, in whatever case. */
function withToken(headers, token) {
  const entries = Object.entries(headers ?? {}).map(([name, value]) => {
    const lower = name.toLowerCase();
    return [lower === "authorization" || lower in NAMED ? lower : name, value];
  });
  const merged = { ...NAMED, ...Object.fromEntries(entries) };
  if (token && !("authorization" in merged)) {
    merged.authorization = `Bearer ${token}`;
  }
  return merged;
}

async function fetchWithToken(session, url, init) {
  const report = runs.begin();
  const started = performance.now();
  const isOwn = "authorization" in withToken(init.headers, null);
  const request = { ...init, body: askingForSql(init.body) };
  const send = (token) => reach(url, { ...request, headers: withToken(init.headers, token) });
  let token = isOwn ? null : await session.token();
  let response;
  let body;
  try {
    response = await send(token);
    body = await peek(response);
    if (token && isRefused(body) && (token = await session.renew(token))) {
      response = await send(token);
      body = await peek(response);
    }
  } catch (error) {
    report({ state: "failed", reason: error.message });
    return asErrors(error.message);
  }
  note(body, performance.now() - started, report);
  if (response.status === 429) {
    return asErrors(tooMany(response), body?.errors?.[0]);
  }
  if (body?.extensions?.sql) {
    return withoutSql(body, response);
  }
  return body === null && !/^multipart/.test(typeOf(response)) ? describe(response) : response;
}

/** Development then tells the statements of the run; others do as if they were not asked. */
function askingForSql(body) {
  const parameters = JSON.parse(body);
  return JSON.stringify({ ...parameters, extensions: { ...parameters.extensions, sql: true } });
}

/** The answer without the statements: they stand behind the status line. */
function withoutSql({ extensions: { sql: _, ...extensions }, ...body }, { status, headers }) {
  return Response.json({ ...body, extensions }, { status, headers });
}

/** An answer that GraphiQL can show. */
function asErrors(message, error = {}) {
  return Response.json({ errors: [{ ...error, message }] });
}

/** What a proxy says instead of the API (an HTML page, say). */
async function describe(response) {
  const said = (await response.text()).slice(0, 500);
  return asErrors(`HTTP ${response.status} ${response.statusText}: ${said}`);
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
function isRefused(body) {
  const ran = Object.values(body?.data ?? {}).some((value) => value !== null);
  return !ran && Boolean(body?.errors?.some((error) => REFUSED.includes(error.extensions?.code)));
}

function note(body, ms, report) {
  const { cost, sqlQueries, sql } = body?.extensions ?? {};
  report({ state: "done", ms, cost, sqlQueries, sql });
  // The first event is the order itself; a worker may have been fast enough to add to it.
  const cursor = body?.data?.createOrder?.order?.events?.[0]?.cursor;
  if (cursor) {
    lastCursor.set(cursor);
  }
}
