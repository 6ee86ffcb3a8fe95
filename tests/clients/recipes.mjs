// Runs what docs/recipes.md shows: its blocks become files, as their first lines name them, with the address of the server.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import WebSocket from 'ws';
import { check, stage, url } from './harness.mjs';
import { almostExpired, order, placeOrder, send } from './shop.mjs';

const PASSWORD = ['ada@example.com', 'tandem-user-demo'];
const KEY = 'tandem.refreshToken';
const DOCUMENTED = 'http://127.0.0.1:8000';
const server = new URL(url).origin;

const folder = mkdtempSync(join(tmpdir(), 'tandem-recipes-'));
process.on('exit', () => rmSync(folder, { recursive: true }));
symlinkSync(fileURLToPath(new URL('node_modules', import.meta.url)), join(folder, 'node_modules'));
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
const page = readFileSync(new URL('../../docs/recipes.md', import.meta.url), 'utf8');
for (const [, name, code] of page.matchAll(/^```js\n\/\/ (\S+)\n(.*?)^```$/gms)) {
  writeFileSync(join(folder, name), code.replace(DOCUMENTED, server));
}
const recipe = (name) => import(pathToFileURL(join(folder, name)));

// What a browser has and Node has not. Locks are handed out one after the other, as in a browser, for whichever tab.
const kept = new Map();
globalThis.localStorage = {
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, value) => kept.set(key, value),
  removeItem: (key) => kept.delete(key),
};
let last = Promise.resolve();
const locks = {
  request(_, body) {
    const mine = last.then(body);
    last = mine.catch(() => {});
    return mine;
  },
};
Object.defineProperty(globalThis, 'navigator', { value: { locks }, configurable: true });
globalThis.WebSocket = WebSocket;

// Every request passes here: what was sent is noted, and a test may break the connection or exchange what is sent.
const { fetch: reallyFetch } = globalThis;
const sent = [];
let disturb = (address, init) => reallyFetch(address, init);
globalThis.fetch = (address, init = {}) => {
  sent.push(String(init.body ?? address));
  return disturb(address, init);
};
const refreshes = () => sent.filter((body) => body.includes('RefreshTokenInput')).length;

/** Runs body while requests go through `replacement`. */
async function disturbed(replacement, body) {
  const before = disturb;
  disturb = replacement;
  try {
    return await body();
  } finally {
    disturb = before;
  }
}

/** Sends requests with an access token that has expired, where they would have had `token`. */
const expired = (token) => (address, init) => {
  const headers = { ...init.headers };
  if (headers.authorization === `Bearer ${token}`) headers.authorization = `Bearer ${almostExpired(token, -5)}`;
  return reallyFetch(address, { ...init, headers });
};

const { client } = await recipe('client.js');
const session = await recipe('session.js');
const { ORDER, cancel } = await recipe('cancel.js');
const { byInput, codeOf } = await recipe('errors.js');
const { place, press } = await recipe('order.js');
const { me, rename } = await recipe('rename.js');
const { eventsSince, follow, socket } = await recipe('live.js');
const persisted = await recipe('persisted.js');
const { gql } = await import('@apollo/client');

const ME = gql('query { me { email } }');
const ask = () => client.query({ query: ME, fetchPolicy: 'network-only' });

check('repeats requests that expired together after one refresh', async () => {
  const token = await session.signIn(...PASSWORD);
  const [before, old] = [refreshes(), localStorage.getItem(KEY)];
  // Each has a name of its own, or Apollo would send one for all.
  const several = () => Promise.all([1, 2, 3, 4, 5].map((number) =>
    client.query({ query: gql(`query Me${number} { me { email } }`), fetchPolicy: 'network-only' })));
  for (const { data } of await disturbed(expired(token), several)) assert.equal(data.me.email, PASSWORD[0]);
  assert.equal(refreshes() - before, 1);
  assert.notEqual(localStorage.getItem(KEY), old);
});

check('gives who comes late the new token without a refresh', async () => {
  const old = await session.signIn(...PASSWORD);
  const fresh = await session.renew(old);
  const before = refreshes();
  assert.notEqual(fresh, old);
  assert.equal(await session.renew(old), fresh);
  assert.equal(refreshes(), before);
});

check('lets two tabs refresh one after the other', async () => {
  await session.signIn(...PASSWORD);
  const other = await import(`${pathToFileURL(join(folder, 'session.js'))}?tab=2`);
  const before = refreshes();
  const tokens = await Promise.all([session.renew(await session.token()), other.token()]);
  assert.equal(refreshes() - before, 2);
  for (const token of tokens) assert.equal((await send('{ me { email } }', {}, token)).me.email, PASSWORD[0]);
});

check('asks to sign in when the session has ended', async () => {
  const token = await session.signIn(...PASSWORD);
  await send('mutation { logout(input: {}) { signedOut } }', {}, token);
  await assert.rejects(ask(), (error) => codeOf(error) === 'REFRESH_TOKEN_INVALID');
  assert.equal(localStorage.getItem(KEY), null);
  assert.equal(await session.token(), null);
});

check('signs out with the newest token, although a refresh is on its way', async () => {
  await session.signIn(...PASSWORD);
  const renewed = session.renew(await session.token());
  await session.signOut();
  assert.equal(localStorage.getItem(KEY), null);
  assert.equal(await session.token(), null);
  await assert.rejects(send('{ me { email } }', {}, await renewed));
});

check('tells the codes of errors apart', async () => {
  await assert.rejects(session.signIn(PASSWORD[0], 'not the password'), { code: 'INVALID_CREDENTIALS' });
  await session.signIn(...PASSWORD);
  const invalid = client.query({ query: gql('query { nothing }') });
  await assert.rejects(invalid, (error) => codeOf(error) === 'VALIDATION_ERROR');
  const forbidden = client.query({ query: gql('query { allOrders { totalCount } }') });
  await assert.rejects(forbidden, (error) => codeOf(error) === 'ADMIN_REQUIRED');
  const lost = () => Promise.reject(new TypeError('fetch failed'));
  await disturbed(lost, () => assert.rejects(ask(), (error) => codeOf(error) === 'NETWORK'));
  const { input } = order();
  const { errors } = await place(press({ ...input, items: [{ ...input.items[0], quantity: 0 }] }));
  assert.deepEqual(Object.keys(byInput(errors)), ['items.0.quantity']);
});

check('places one order although its answer was lost', async () => {
  await session.signIn(...PASSWORD);
  let losses = 0;
  const losing = async (address, init) => {
    const response = await reallyFetch(address, init);
    losses += 1;
    if (losses === 1) throw new TypeError('fetch failed');
    return response;
  };
  const pressed = press(order().input);
  const first = await disturbed(losing, () => place(pressed));
  assert.deepEqual([losses, first.replayed, first.errors], [2, true, []]);
  assert.equal((await place(pressed)).order.id, first.order.id);
  const { errors } = await place({ ...pressed, shippingAddress: 'elsewhere' });
  assert.equal(errors[0].code, 'IDEMPOTENCY_KEY_REUSED');
  assert.notEqual(press(order().input).idempotencyKey, pressed.idempotencyKey);
});

/** Watches an order through the cache; `seen` grows with its states, and until() waits for one. */
async function watching(id) {
  const seen = [];
  const waiting = [];
  const watched = client.watchQuery({ query: ORDER, variables: { id } }).subscribe(({ data }) => {
    if (!data?.order) return;
    seen.push(data.order.status);
    for (const { status, resolve } of waiting) if (seen.includes(status)) resolve();
  });
  const until = (status) => new Promise((resolve) => {
    if (seen.includes(status)) resolve();
    else waiting.push({ status, resolve });
  });
  await until('PENDING');
  // Apollo tells nobody of a change that is made while it is telling them of the one before.
  await new Promise((resolve) => setTimeout(resolve));
  return { seen, until, stop: () => watched.unsubscribe() };
}

check('shows an order as cancelled before the server has answered', async () => {
  await session.signIn(...PASSWORD);
  const id = await placeOrder();
  const { seen, until, stop } = await watching(id);
  const held = async (address, init) => {
    await until('CANCELLED');
    return reallyFetch(address, init);
  };
  assert.deepEqual(await disturbed(held, () => cancel({ id })), []);
  assert.equal(seen.at(-1), 'CANCELLED');
  stop();
});

check('takes the optimistic state back when the worker was faster', async () => {
  await session.signIn(...PASSWORD);
  const id = await placeOrder();
  const { seen, until, stop } = await watching(id);
  await stage('work');
  await stage('finish');
  await new Promise((resolve, reject) => follow({ orderId: id, onEvent() {}, onEnd: resolve, onError: reject }));
  const errors = await cancel({ id });
  await until('COMPLETED');
  assert.equal(errors[0].code, 'ORDER_NOT_CANCELLABLE');
  assert.ok(seen.includes('CANCELLED'));
  assert.equal(seen.at(-1), 'COMPLETED');
  stop();
});

check('saves a name, and overwrites nobody', async () => {
  await session.signIn(...PASSWORD);
  const read = await me();
  const { saved } = await rename(read, 'Ada King');
  assert.equal(saved.fullName, 'Ada King');
  const { theirs } = await rename(read, 'Augusta Ada');
  assert.deepEqual([theirs.fullName, theirs.version], ['Ada King', saved.version]);
  const { errors } = await rename(theirs, '');
  assert.deepEqual(Object.keys(byInput(errors)), ['fullName']);
  await rename(theirs, read.fullName);
});

check('follows an order across a lost socket, and by REST', async () => {
  await session.signIn(...PASSWORD);
  const id = await placeOrder();
  const { databaseId } = (await client.query({ query: gql('query Number($id: ID!) { order(id: $id) { databaseId } }'), variables: { id } })).data.order;
  let open;
  const stopListening = socket.on('opened', (opened) => { open = opened; });
  const seen = [];
  await new Promise((resolve, reject) => {
    const onEvent = (event) => {
      seen.push(event);
      // Cut, not closed: what happens next happens while nobody is connected.
      if (seen.length === 1) open.terminate();
      const next = seen.length === 1 ? stage('work') : event.status === 'PROCESSING' ? stage('finish') : null;
      next?.catch(reject);
    };
    follow({ orderId: id, onEvent, onEnd: resolve, onError: reject });
  });
  stopListening();
  assert.deepEqual(seen.map(({ status }) => status), ['PENDING', 'PROCESSING', 'COMPLETED']);
  const events = await eventsSince(databaseId, seen[0].cursor);
  assert.deepEqual(events.map(({ cursor }) => cursor), seen.slice(1).map(({ cursor }) => cursor));
  const inPages = async (address, init) => {
    const { items } = await (await reallyFetch(address, init)).json();
    return Response.json({ items: items.slice(0, 1), has_next: items.length > 1 });
  };
  assert.equal((await disturbed(inPages, () => eventsSince(databaseId))).length, 3);
});

check('follows all orders on with a new token after 4403', async () => {
  const token = await session.signIn(...PASSWORD);
  socket.terminate();
  const tokens = [];
  const closes = [];
  const off = socket.on('closed', ({ code }) => closes.push(code));
  // The socket is opened with a token that is about to expire; everything else is as the page has it.
  const { send: really } = WebSocket.prototype;
  WebSocket.prototype.send = function send(data, ...rest) {
    const message = JSON.parse(data);
    if (message.type === 'connection_init') {
      tokens.push(message.payload.authorization);
      if (tokens.length === 1) message.payload.authorization = `Bearer ${almostExpired(token)}`;
    }
    return really.call(this, JSON.stringify(message), ...rest);
  };
  try {
    const id = await placeOrder();
    const [{ cursor }] = (await send('query ($id: ID!) { order(id: $id) { events { cursor } } }', { id }, token)).order.events;
    const seen = [];
    await new Promise((resolve, reject) => {
      let second;
      const onEvent = (event) => {
        seen.push(event);
        if (event.order.id === second) resolve();
      };
      follow({ after: cursor, onEvent, onEnd: reject, onError: reject });
      const stopListening = socket.on('connected', () => {
        if (tokens.length < 2) return;
        stopListening();
        placeOrder().then((placed) => {
          second = placed;
          if (seen.some(({ order }) => order.id === second)) resolve();
        }, reject);
      });
    });
    assert.ok(closes.includes(4403));
    assert.equal(new Set(tokens).size, 2);
    assert.equal(seen.length, 1);
  } finally {
    WebSocket.prototype.send = really;
    off();
    socket.terminate();
  }
});

check('asks by a hash', async () => {
  const query = gql('query Recipe { products(first: 1) { totalCount } }');
  const count = async () => (await persisted.client.query({ query, fetchPolicy: 'network-only' })).data.products.totalCount;
  assert.ok(await count() > 0);
  sent.length = 0;
  assert.ok(await count() > 0);
  assert.equal(sent.length, 1);
  assert.match(sent[0], /^http.*sha256Hash/, 'by GET');
});
