// What the checks of every client do in the shop: sign in, browse, order, and watch an order through.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { stage, url } from './harness.mjs';

export const BROWSE = 'query Browse { products(first: 2) { edges { node { id name price { amount currency } } } } }';
export const ORDER = `
  mutation Order($input: CreateOrderInput!) {
    createOrder(input: $input) { order { id status } errors { code message field } }
  }
`;
export const WATCH = 'subscription Watch($id: ID!) { orderUpdated(id: $id) { id status total { amount } } }';

/** Sends an operation without any client, and returns its data. */
export async function send(query, variables, token) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined);
  return data;
}

/** Signs the customer of the sample data in; returns accessToken and refreshToken. */
export async function signIn() {
  const data = await send(
    'mutation ($input: LoginInput!) { login(input: $input) { accessToken refreshToken } }',
    { input: { email: 'ada@example.com', password: 'tandem-user-demo' } },
  );
  return data.login;
}

export const { accessToken, refreshToken } = await signIn();
export const headers = { authorization: `Bearer ${accessToken}` };

const { products } = await send('{ products(first: 100) { nodes { id onHand } } }');
const plentiful = products.nodes.reduce((most, product) => (product.onHand > most.onHand ? product : most));

/** Variables of ORDER for one piece of what there is most of: the stock must last for all checks. */
export const order = () => ({
  input: { items: [{ productId: plentiful.id, quantity: 1 }], shippingAddress: '1 Main Street' },
});

/** Places an order without any client, and returns its id. */
export async function placeOrder() {
  const { createOrder } = await send(ORDER, order(), accessToken);
  return createOrder.order.id;
}

export function assertProducts(data) {
  const { name, price } = data.products.edges[0].node;
  assert.equal(data.products.edges.length, 2);
  assert.ok(name);
  assert.match(price.amount, /^\d+\.\d\d$/);
  assert.equal(price.currency, 'USD');
}

export function assertOrdered(data) {
  assert.deepEqual(data.createOrder.errors, []);
  assert.equal(data.createOrder.order.status, 'PENDING');
}

/** Runs an operation through a client that has `iterate`, and returns its one result. */
export async function only(client, payload) {
  const results = [];
  for await (const result of client.iterate(payload)) results.push(result);
  assert.equal(results.length, 1);
  return results[0];
}

/**
 * Watches a new order from pending through processing to completed, and moves the worker on as the states are seen.
 * `subscribe(variables, { next, error, complete })` has the client under test send WATCH; next takes its data.
 */
export async function watchAnOrder(subscribe) {
  const id = await placeOrder();
  const statuses = [];
  const last = await new Promise((resolve, reject) => {
    let order;
    const next = async ({ data, errors, error = errors }) => {
      assert.equal(error, undefined);
      order = data.orderUpdated;
      statuses.push(order.status);
      if (order.status === 'PENDING') await stage('work');
      if (order.status === 'PROCESSING') await stage('finish');
    };
    subscribe({ id }, { next: (result) => next(result).catch(reject), error: reject, complete: () => resolve(order) });
  });
  assert.deepEqual(statuses, ['PENDING', 'PROCESSING', 'COMPLETED']);
  assert.equal(last.id, id);
  assert.ok(Number(last.total.amount) > 0);
}

/** Returns the token again, signed anew so that it expires within so many seconds (RFC 7519: `exp` counts whole ones). */
export function almostExpired(token, seconds = 2) {
  const [header, payload] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  claims.exp = Math.floor(Date.now() / 1000) + seconds;
  const signed = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
  const signature = createHmac('sha256', process.env.TANDEM_SECRET_KEY).update(signed).digest('base64url');
  return `${signed}.${signature}`;
}
