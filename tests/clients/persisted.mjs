// Documents named by their hash instead of sent: Apollo Client's link for automatic persisted queries.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { check, url } from './harness.mjs';
import { ORDER, assertOrdered, headers, order } from './shop.mjs';

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

/** A client that notes the method and the body of what it sends. */
function spying(options = {}) {
  const sent = [];
  const spy = (address, init) => {
    sent.push({ method: init.method, query: init.body ? JSON.parse(init.body).query : new URL(address).searchParams.get('query') });
    return fetch(address, init);
  };
  const link = ApolloLink.from([
    new PersistedQueryLink({ sha256, ...options }),
    new HttpLink({ uri: url, headers, fetch: spy }),
  ]);
  return { sent, apollo: new ApolloClient({ cache: new InMemoryCache(), link }) };
}

// A name that no run before has sent.
const fresh = () => gql(`query Fresh${randomUUID().replaceAll('-', '')} { products(first: 1) { totalCount } }`);

async function askTwice(options) {
  const { apollo, sent } = spying(options);
  const query = fresh();
  for (const round of [1, 2]) {
    const { data } = await apollo.query({ query, fetchPolicy: 'network-only' });
    assert.ok(data.products.totalCount > 0, `round ${round}`);
  }
  return sent;
}

check('sends a query once, and its hash from then on', async () => {
  const sent = await askTwice();
  assert.deepEqual(sent.map(({ query }) => Boolean(query)), [false, true, false]);
});

check('asks for a known hash by GET', async () => {
  const sent = await askTwice({ useGETForHashedQueries: true });
  assert.deepEqual(sent.map(({ method, query }) => [method, Boolean(query)]), [
    ['GET', false],
    ['POST', true],
    ['GET', false],
  ]);
});

check('mutates by a hash', async () => {
  const { apollo, sent } = spying();
  for (let round = 0; round < 2; round += 1) {
    const { data } = await apollo.mutate({ mutation: gql(ORDER), variables: order() });
    assertOrdered(data);
  }
  assert.equal(sent.at(-1).query, undefined);
});
