/** Requests of the playground: why there is no answer, or not the one that was asked for. */

import { UNREACHABLE, tooMany } from "/bar/trouble.js";

/** After which a server that says nothing is taken for one that does not answer. */
const PATIENCE_MS = 10_000;
/** By which counts of who uses what tell the page from other programs in a browser. */
export const NAMED = { "graphql-client-name": "GraphiQL" };

/** fetch, whose error is a sentence where nothing answers. */
export async function reach(url, init) {
  try {
    return await fetch(url, init);
  } catch {
    throw new Error(UNREACHABLE);
  }
}

/**
 * Sends an operation.
 *
 * @param {string} endpoint address of the GraphQL API
 * @param {{ query: string, variables?: object }} operation
 * @param {{ token?: string | null, signal?: AbortSignal }} options whose request it is, and what ends it
 * @returns {Promise<{ data: object | null, problem: string }>} what was answered, and why there is no more of it, for the
 *   person
 * @throws {Error} nothing answers, or there were too many requests; the message is for the person
 */
export async function send(endpoint, operation, { token, signal } = {}) {
  const headers = { "content-type": "application/json", accept: "application/json", ...NAMED };
  if (token) {
    headers.authorization = `Bearer ${token}`;
  }
  const response = await reach(endpoint, { method: "POST", headers, body: JSON.stringify(operation), signal });
  if (response.status === 429) {
    throw new Error(tooMany(response));
  }
  const { data = null, errors, detail } = await response.json().catch(() => ({}));
  return { data, problem: errors?.[0]?.message ?? detail ?? `The server answered ${response.status}.` };
}

/**
 * Why a WebSocket was refused, which a browser does not tell its page: asks the same address over HTTP.
 *
 * @returns {Promise<{ reason: string, waitMs: number }>} a sentence, and how long it is of no use to try again
 */
export async function whyRefused(endpoint) {
  try {
    const response = await reach(endpoint, {
      method: "POST",
      headers: { "content-type": "application/json", ...NAMED },
      body: '{"query":"{__typename}"}',
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (response.status === 429) {
      return { reason: tooMany(response), waitMs: 1000 * (Number(response.headers.get("retry-after")) || 1) };
    }
    return { reason: "Tandem answers, but not by WebSocket", waitMs: 0 };
  } catch (error) {
    return { reason: error.message, waitMs: 0 };
  }
}
