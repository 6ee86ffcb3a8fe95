// What an integration with REST v1 does, compiled by `tsc --strict` with the types of openapi-typescript, and run.
import createClient from 'openapi-fetch';
import type { components, paths } from './v1';

declare const process: { env: Record<string, string> };
type Schemas = components['schemas'];

const options = { baseUrl: process.env['TANDEM_URL'] ?? '' };
const anybody = createClient<paths>(options);

function expect(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new Error(`it is not so: ${what}`);
}

/** Returns the data of an answer, which must have some. */
function dataOf<T>({ data, error }: { data?: T; error?: Schemas['ErrorOut'] }): T {
  if (data === undefined) throw new Error(error && `${error.error_code}: ${error.detail}`);
  return data;
}

function headline(order: Schemas['OrderOut']): string {
  switch (order.status) {
    case 'pending':
    case 'processing':
      return `on its way to ${order.shipping_address}`;
    case 'completed':
      return `${order.items.map((item) => `${item.quantity} ${item.product_name}`)} for ${order.total_amount.toFixed(2)}`;
    case 'failed':
    case 'cancelled':
      return order.status;
    default: {
      // Every status is handled above, or this does not compile.
      const nothing: never = order.status;
      return nothing;
    }
  }
}

const signedIn = dataOf(
  await anybody.POST('/api/v1/auth/login', { body: { username: 'ada@example.com', password: 'tandem-user-demo' } }),
);
// @ts-expect-error A sign-in needs a password.
const incomplete: Schemas['LoginIn'] = { username: 'ada@example.com' };
const refused = await anybody.POST('/api/v1/auth/login', { body: { ...incomplete, password: 'wrong' } });
expect(refused.error?.error_code === 'INVALID_CREDENTIALS', 'a wrong password is refused');

const refreshed = dataOf(
  await anybody.POST('/api/v1/auth/refresh', { body: { refresh_token: signedIn.refresh_token } }),
);
const client = createClient<paths>({ ...options, headers: { Authorization: `Bearer ${refreshed.access_token}` } });
const me = dataOf(await client.GET('/api/v1/auth/me'));

const query = { in_stock: true, page_size: 2 };
const { items: products, has_next } = dataOf(await anybody.GET('/api/v1/products', { params: { query } }));
const [product] = products;
expect(product !== undefined && product.in_stock && has_next, 'there are products in stock');

const order = {
  params: { header: { 'Idempotency-Key': `openapi-typescript-${signedIn.access_token.slice(-20)}` } },
  body: { items: [{ product_id: product.id, quantity: 2 }], shipping_address: '1 Main Street' },
};
const placing = await client.POST('/api/v1/orders', order);
const placed = dataOf(placing);
expect(placed.status === 'pending' && placed.user_id === me.id, 'an order is accepted for its user');
expect(placing.response.headers.get('Location') === `/api/v1/orders/${placed.id}`, 'an answer says where the order is');
const again = await client.POST('/api/v1/orders', order);
expect(dataOf(again).id === placed.id, 'a key stands for one order');
expect(again.response.headers.get('Idempotent-Replayed') === 'true', 'an answer says that it is a repetition');

const pending = dataOf(await client.GET('/api/v1/orders', { params: { query: { status: 'pending' } } }));
expect(pending.items.some(({ id }) => id === placed.id), 'the order is listed');
// @ts-expect-error There is no such status.
const lost = await client.GET('/api/v1/orders', { params: { query: { status: 'lost' } } });
const problem = lost.error && 'errors' in lost.error ? lost.error.errors[0] : undefined;
expect(problem?.field === 'status', 'an error of the input says where it is');

const params = { path: { order_id: placed.id } };
const read = dataOf(await client.GET('/api/v1/orders/{order_id}', { params }));
expect(read.items[0]?.product_name === product.name, 'the order has the item');
expect(headline(read) === 'on its way to 1 Main Street', 'the order is open');
// @ts-expect-error An amount is a number here, and a text in GraphQL.
const amount: string = read.total_amount;
expect(Number(amount) === 0, 'the amounts are not known yet');

const cancelled = dataOf(await client.POST('/api/v1/orders/{order_id}/cancel', { params }));
expect(cancelled.status === 'success' && cancelled.order_id === placed.id, 'the order is cancelled');
const twice = await client.POST('/api/v1/orders/{order_id}/cancel', { params });
expect(twice.error?.error_code === 'ORDER_NOT_CANCELLABLE', 'it is so once');
const events = dataOf(await client.GET('/api/v1/orders/{order_id}/events', { params }));
expect(events.items.map(({ status }) => status).join() === 'pending,cancelled', 'both steps are told');
const nowhere = await client.GET('/api/v1/orders/{order_id}', { params: { path: { order_id: 2147483647 } } });
expect(nowhere.response.status === 404 && nowhere.error !== undefined, 'there is no such order');
