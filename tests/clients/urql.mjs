// urql, with WebSocket subscriptions as its documentation shows them, and with its own over fetch.
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from '@urql/core';
import assert from 'node:assert/strict';
import { createClient } from 'graphql-ws';
import { filter, onEnd, pipe, subscribe } from 'wonka';
import WebSocket from 'ws';
import { check, socketUrl, url } from './harness.mjs';
import { BROWSE, ORDER, WATCH, assertOrdered, assertProducts, headers, order, watchAnOrder } from './shop.mjs';

const client = (options) =>
  new Client({ url, fetchOptions: { headers }, exchanges: [cacheExchange, fetchExchange], preferGetMethod: false, ...options });

const watchThrough = (urql) => (variables, observer) =>
  pipe(
    urql.subscription(WATCH, variables),
    onEnd(observer.complete),
    // The end is told as the last result once more.
    filter(({ hasNext }) => hasNext),
    subscribe(observer.next),
  );

check('queries', async () => {
  const { data, error } = await client().query(BROWSE, {}).toPromise();
  assert.equal(error, undefined);
  assertProducts(data);
});

check('queries by GET', async () => {
  const { data, error } = await client({ preferGetMethod: 'force' }).query(BROWSE, {}).toPromise();
  assert.equal(error, undefined);
  assertProducts(data);
});

check('mutates', async () => {
  const { data, error } = await client().mutation(ORDER, order()).toPromise();
  assert.equal(error, undefined);
  assertOrdered(data);
});

check('reads the code of an error', async () => {
  const { error } = await client({ fetchOptions: {} }).mutation(ORDER, order()).toPromise();
  assert.equal(error.graphQLErrors[0].extensions.code, 'NOT_AUTHENTICATED');
});

check('subscribes by server-sent events', () => watchAnOrder(watchThrough(client({ fetchSubscriptions: true }))));

check('subscribes by WebSocket', async () => {
  const socket = createClient({ url: socketUrl, webSocketImpl: WebSocket, connectionParams: headers, retryAttempts: 0 });
  const forwardSubscription = ({ query, variables }) => ({
    subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
  });
  const exchanges = [cacheExchange, fetchExchange, subscriptionExchange({ forwardSubscription })];
  await watchAnOrder(watchThrough(client({ exchanges })));
  await socket.dispose();
});
