// Apollo Client, with the links that its documentation names for subscriptions.
import { ApolloClient, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import assert from 'node:assert/strict';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { check, socketUrl, url } from './harness.mjs';
import { BROWSE, ORDER, WATCH, assertOrdered, assertProducts, headers, order, watchAnOrder } from './shop.mjs';

const client = (link) => new ApolloClient({ cache: new InMemoryCache(), link });
const http = client(new HttpLink({ uri: url, headers }));

const watchThrough = (apollo) => (variables, observer) =>
  apollo.subscribe({ query: gql(WATCH), variables }).subscribe(observer);

check('queries', async () => {
  const { data } = await http.query({ query: gql(BROWSE) });
  assertProducts(data);
});

check('finds what it has read in its cache', async () => {
  const apollo = client(new HttpLink({ uri: url, headers }));
  const { data } = await apollo.query({ query: gql(BROWSE) });
  const { id, name } = data.products.edges[0].node;
  const fragment = gql('fragment Name on Product { name }');
  assert.equal(apollo.readFragment({ id: `Product:${id}`, fragment }).name, name);
});

check('mutates', async () => {
  const { data } = await http.mutate({ mutation: gql(ORDER), variables: order() });
  assertOrdered(data);
});

check('reads the code of an error', async () => {
  const stranger = client(new HttpLink({ uri: url }));
  await assert.rejects(stranger.mutate({ mutation: gql(ORDER), variables: order() }), (error) => {
    assert.ok(CombinedGraphQLErrors.is(error));
    assert.equal(error.errors[0].extensions.code, 'NOT_AUTHENTICATED');
    return true;
  });
});

check('subscribes by multipart HTTP', () => watchAnOrder(watchThrough(http)));

check('subscribes by WebSocket', async () => {
  const socket = createClient({ url: socketUrl, webSocketImpl: WebSocket, connectionParams: headers, retryAttempts: 0 });
  await watchAnOrder(watchThrough(client(new GraphQLWsLink(socket))));
  await socket.dispose();
});
