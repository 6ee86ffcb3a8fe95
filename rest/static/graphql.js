/** Asks the GraphQL API: for one answer, or for what a subscription yields (server-sent events). */

import { UNREACHABLE, tooMany } from "/bar/trouble.js";

const ENDPOINT = "/graphql";

/** What went wrong, in words for the person. */
export class Trouble extends Error {}

/** The server cannot be reached, or the connection broke: nobody knows how far it came. */
export class Gone extends Trouble {
  constructor() {
    super(`${UNREACHABLE}. Is it still running?`);
  }
}

/** Returns the data of an answer; `null` stands where something was refused. */
export async function ask(session, query, variables) {
  const response = await send(session, { query, variables }, "application/json");
  const { data, errors } = await response.json().catch(() => ({}));
  if (!data) {
    throw new Trouble(errors?.[0]?.message ?? `The server answered ${response.status}.`);
  }
  return data;
}

/** Yields the data of each event until the server completes the stream; an aborted `signal` ends it as Gone. */
export async function* subscribe(session, query, variables, signal) {
  const response = await send(session, { query, variables }, "text/event-stream", signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new Gone();
    });
    if (done) {
      return;
    }
    const messages = (text + value).split(/\r?\n\r?\n/);
    text = messages.pop();
    for (const message of messages) {
      const sent = /^data: *(\S.*)$/m.exec(message)?.[1];
      if (!sent) {
        continue; // A sign of life, or the end.
      }
      const { data, errors } = JSON.parse(sent);
      if (!data) {
        throw new Trouble(errors?.[0]?.message ?? "The server ended the subscription.");
      }
      yield data;
    }
  }
}

async function send(session, body, accept, signal) {
  const token = await session.token();
  const headers = { "content-type": "application/json", accept, "graphql-client-name": "Front page" };
  if (token) {
    headers.authorization = `Bearer ${token}`;
  }
  const init = { method: "POST", headers, body: JSON.stringify(body), signal };
  const response = await fetch(ENDPOINT, init).catch(() => {
    throw new Gone();
  });
  if (response.status === 429) {
    throw new Trouble(tooMany(response));
  }
  return response;
}
