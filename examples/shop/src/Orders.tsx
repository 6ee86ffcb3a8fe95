import { useMutation, useQuery, useSubscription } from '@apollo/client/react';
import { ErrorText, Problem } from './errors';
import { graphql } from './generated';
import type { CardFragment } from './generated/graphql';
import { show } from './money';

graphql(`fragment Card on Order {
  id databaseId status failureCode agreedTotal { amount currency } viewerCan { cancel { allowed } }
  items { quantity productName shortage { requested available } product { id onHand price { amount currency } } }
}`);
export const ORDERS = graphql(`query Orders($after: String) {
  orders(first: 5, after: $after) { edges { node { ...Card } } pageInfo { hasNextPage endCursor } }
}`);
const UPDATED = graphql(`subscription OrderUpdated($id: ID!) { orderUpdated(id: $id) { ...Card } }`);
const CANCEL = graphql(`mutation CancelOrder($id: ID!) {
  cancelOrder(input: { id: $id }) { order { ...Card } errors { code message } }
}`);

function OrderCard({ order }: { order: CardFragment }) {
  const { id, status, failureCode } = order;
  const isOpen = status === 'PENDING' || status === 'PROCESSING';
  // What it yields goes to the cache, and from there to every place that shows the order or its products.
  const { error } = useSubscription(UPDATED, { variables: { id }, skip: !isOpen });
  const [cancel, { data, error: failure, loading }] = useMutation(CANCEL, { variables: { id } });
  const refused = data?.cancelOrder.errors[0];
  return (
    <li data-status={status}>
      <h3>№ {order.databaseId} <span className="status">{status.toLowerCase()}</span></h3>
      <p>{order.items.map(({ quantity, productName }) => `${quantity} × ${productName}`).join(', ')}</p>
      {order.items.map(({ productName, shortage }) => shortage && (
        <p className="hint" key={productName}>{productName}: {shortage.requested} asked for, {shortage.available} left.</p>
      ))}
      <b>{(isOpen || status === 'COMPLETED') && show(order.agreedTotal)}</b>
      {order.viewerCan.cancel.allowed && (
        <button className="quiet" disabled={loading} onClick={() => void cancel().catch(() => undefined)}>Cancel</button>
      )}
      <ErrorText error={failureCode ? new Problem({ code: failureCode, message: failureCode }) : isOpen && error} />
      <ErrorText error={refused ? new Problem(refused) : failure} />
    </li>
  );
}

export function Orders() {
  const { data, error, loading, fetchMore } = useQuery(ORDERS, { notifyOnNetworkStatusChange: true });
  const page = data?.orders;
  return (
    <section id="orders">
      <h2>Your orders</h2>
      <ErrorText error={error} />
      {page?.edges.length === 0 && <p className="hint">None yet.</p>}
      <ul>{page?.edges.map(({ node }) => <OrderCard key={node.id} order={node} />)}</ul>
      {page?.pageInfo.hasNextPage && (
        <button className="quiet more" disabled={loading} onClick={() => void fetchMore({ variables: { after: page.pageInfo.endCursor } })}>
          Earlier orders
        </button>
      )}
    </section>
  );
}
