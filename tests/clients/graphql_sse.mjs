// graphql-sse in its distinct connections mode: one response for each operation.
import assert from 'node:assert/strict';
import { createClient } from 'graphql-sse';
import { check, url } from './harness.mjs';
import { BROWSE, ORDER, WATCH, assertOrdered, assertProducts, headers, only, order, watchAnOrder } from './shop.mjs';

const client = (options) => createClient({ url, headers, retryAttempts: 0, ...options });

check('queries', async () => assertProducts((await only(client(), { query: BROWSE })).data));

check('mutates', async () => assertOrdered((await only(client(), { query: ORDER, variables: order() })).data));

check('subscribes', () =>
  watchAnOrder((variables, observer) => client().subscribe({ query: WATCH, variables }, observer)));

check('reads the code of an error', async () => {
  const { errors } = await only(client({ headers: {} }), { query: ORDER, variables: order() });
  assert.equal(errors[0].extensions.code, 'NOT_AUTHENTICATED');
});
