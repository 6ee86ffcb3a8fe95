// A little of what a front end does, to be compiled by `tsc --strict`: it is never run.
import { ApolloClient, HttpLink, InMemoryCache } from '@apollo/client';
import { Client, fetchExchange } from '@urql/core';
import { type FragmentType, useFragment as read } from './generated/fragment-masking';
import {
  MyOrdersDocument,
  OrderCardFragmentDoc,
  OrderUpdatedDocument,
  PlaceOrderDocument,
  type PlaceOrderMutationVariables,
  PriceFragmentDoc,
  ProductsDocument,
  ThingDocument,
} from './generated/graphql';

const url = 'https://shop.example/graphql';
const apollo = new ApolloClient({ cache: new InMemoryCache(), link: new HttpLink({ uri: url }) });
const urql = new Client({ url, exchanges: [fetchExchange], preferGetMethod: false });

function show(price: FragmentType<typeof PriceFragmentDoc>): string {
  const { amount, currency } = read(PriceFragmentDoc, price);
  // @ts-expect-error An amount is a string: no arithmetic by accident.
  const doubled: number = amount * 2;
  return `${amount} ${currency} ${doubled}`;
}

function headline(card: FragmentType<typeof OrderCardFragmentDoc>): string {
  const order = read(OrderCardFragmentDoc, card);
  switch (order.status) {
    case 'PENDING':
    case 'PROCESSING':
      return order.viewerCan.cancel.allowed ? 'can be cancelled' : `stays: ${order.viewerCan.cancel.code}`;
    case 'COMPLETED':
      return order.items.map((item) => `${item.quantity} ${item.productName} at ${show(item.unitPrice)}`).join();
    case 'FAILED':
      return order.failureCode === 'OUT_OF_STOCK' ? 'sold out' : 'failed';
    case 'CANCELLED':
      return 'cancelled';
    default: {
      // Every status is handled above, or this does not compile.
      const nothing: never = order.status;
      return nothing;
    }
  }
}

export async function browse(): Promise<string | null> {
  const variables = { filter: { inStock: true }, orderBy: { field: 'PRICE', direction: 'ASC' } } as const;
  const { data } = await apollo.query({ query: ProductsDocument, variables });
  for (const { cursor, node } of data?.products?.edges ?? []) {
    const texts: string[] = [cursor, node.id, node.name, show(node.price)];
    console.log(texts);
  }
  return data?.products?.pageInfo.endCursor ?? null;
}

export async function list(): Promise<string[]> {
  const { data } = await urql.query(MyOrdersDocument, { status: ['PENDING', 'PROCESSING'] });
  // @ts-expect-error There is no such status.
  await urql.query(MyOrdersDocument, { status: ['LOST'] });
  return data?.orders?.nodes.map(headline) ?? [];
}

export async function find(id: string): Promise<string | number | undefined> {
  const { data } = await urql.query(ThingDocument, { id });
  if (data?.node?.__typename === 'Product') return data.node.onHand;
  if (data?.node?.__typename === 'User') return data.node.email;
  return data?.node?.id;
}

export async function place(input: PlaceOrderMutationVariables['input']): Promise<string> {
  // @ts-expect-error An order needs lines.
  await apollo.mutate({ mutation: PlaceOrderDocument, variables: { input: { shippingAddress: '1 Main Street' } } });
  const { data } = await apollo.mutate({ mutation: PlaceOrderDocument, variables: { input } });
  const [error] = data?.createOrder.errors ?? [];
  if (error?.code === 'INVALID_PRODUCT') return `${error.field?.join('.')}: ${error.message}`;
  return data?.createOrder.order ? headline(data.createOrder.order) : 'nothing';
}

export function watch(id: string): () => void {
  const watched = urql.subscription(OrderUpdatedDocument, { id }).subscribe(({ data }) => {
    if (data) console.log(headline(data.orderUpdated));
  });
  return watched.unsubscribe;
}
