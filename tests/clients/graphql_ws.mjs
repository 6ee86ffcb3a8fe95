// graphql-ws, the reference client of the protocol graphql-transport-ws.
import assert from 'node:assert/strict';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { check, socketUrl, stage } from './harness.mjs';
import {
  BROWSE, ORDER, WATCH, almostExpired, assertOrdered, assertProducts, headers, only, order, placeOrder, send, signIn,
  watchAnOrder,
} from './shop.mjs';

const client = (options) =>
  createClient({ url: socketUrl, webSocketImpl: WebSocket, connectionParams: headers, retryAttempts: 0, ...options });

/** Runs body with a client, which is closed afterwards. */
const withClient = (options, body) => async () => {
  const socket = client(options);
  try {
    await body(socket);
  } finally {
    await socket.dispose();
  }
};

const watchThrough = (socket) => (variables, observer) => socket.subscribe({ query: WATCH, variables }, observer);

check('queries', withClient({}, async (socket) => assertProducts((await only(socket, { query: BROWSE })).data)));

check('mutates', withClient({}, async (socket) => {
  assertOrdered((await only(socket, { query: ORDER, variables: order() })).data);
}));

check('subscribes', withClient({}, (socket) => watchAnOrder(watchThrough(socket))));

check('gets the errors of an invalid document', withClient({}, async (socket) => {
  await assert.rejects(only(socket, { query: '{ nothing }' }), (errors) => {
    assert.match(errors[0].message, /nothing/);
    return true;
  });
}));

check('reads the code of an error without a sign-in', withClient({ connectionParams: {} }, async (socket) => {
  const { errors } = await only(socket, { query: ORDER, variables: order() });
  assert.equal(errors[0].extensions.code, 'NOT_AUTHENTICATED');
}));

check('is refused with 4403 for a token that is not good', withClient(
  { connectionParams: { authorization: 'Bearer nonsense' } },
  async (socket) => {
    await assert.rejects(only(socket, { query: BROWSE }), (closed) => closed.code === 4403);
  },
));

check('keeps its socket open by pings', withClient({ keepAlive: 50 }, async (socket) => {
  const pong = new Promise((resolve) => socket.on('pong', resolve));
  const id = await placeOrder();
  const stop = socket.subscribe({ query: WATCH, variables: { id } }, { next() {}, error() {}, complete() {} });
  await pong;
  stop();
}));

check('goes on watching with a refreshed token after 4403', async () => {
  const session = await signIn();
  const tokens = [almostExpired(session.accessToken)];
  const closes = [];
  const refresh = async () => {
    const { refreshToken } = await send(
      'mutation ($input: RefreshTokenInput!) { refreshToken(input: $input) { accessToken } }',
      { input: { refreshToken: session.refreshToken } },
    );
    return refreshToken.accessToken;
  };
  const connectionParams = async () => {
    if (closes.length > 0) tokens.push(await refresh());
    return { authorization: `Bearer ${tokens.at(-1)}` };
  };
  const on = { closed: ({ code }) => closes.push(code) };
  const options = { connectionParams, on, retryAttempts: 1, retryWait: async () => {}, shouldRetry: ({ code }) => code === 4403 };
  await withClient(options, async (socket) => {
    const statuses = [];
    const id = await placeOrder();
    await new Promise((resolve, reject) => {
      const next = async ({ data }) => {
        statuses.push(data.orderUpdated.status);
        if (data.orderUpdated.status === 'PENDING' && closes.length > 0) await stage('work');
        if (data.orderUpdated.status === 'PROCESSING') await stage('finish');
      };
      const sink = { next: (result) => next(result).catch(reject), error: reject, complete: resolve };
      socket.subscribe({ query: WATCH, variables: { id } }, sink);
    });
    assert.deepEqual(closes, [4403]);
    assert.equal(new Set(tokens).size, 2);
    assert.deepEqual(statuses, ['PENDING', 'PENDING', 'PROCESSING', 'COMPLETED']);
  })();
});
