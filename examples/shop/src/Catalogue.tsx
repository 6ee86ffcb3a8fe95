import { useQuery } from '@apollo/client/react';
import { useEffect, useState } from 'react';
import { ErrorText } from './errors';
import { graphql } from './generated';
import type { ProductsQuery } from './generated/graphql';
import { show } from './money';

const PRODUCTS = graphql(`query Products($filter: ProductFilter, $after: String) {
  products(filter: $filter, first: 12, after: $after) {
    edges { node { id name description onHand price { amount currency } } }
    pageInfo { hasNextPage endCursor }
  }
}`);
export type Product = NonNullable<ProductsQuery['products']>['edges'][number]['node'];

/** The text as it has been for a quarter of a second: a request for words, not for letters. */
function useDebounced(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), 250);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

export function Catalogue({ onAdd }: { onAdd: (product: Product) => void }) {
  const [text, setText] = useState('');
  const search = useDebounced(text.trim());
  const { data, previousData, error, loading, fetchMore } = useQuery(PRODUCTS, {
    variables: { filter: { search: search || null } },
    notifyOnNetworkStatusChange: true,
  });
  const page = (data ?? previousData)?.products;
  return (
    <section id="catalogue" aria-busy={loading}>
      <input type="search" aria-label="Search products" placeholder="Search products" value={text} onChange={(event) => setText(event.target.value)} />
      <ErrorText error={error} />
      <ul>
        {page?.edges.map(({ node: product }) => (
          <li key={product.id}>
            <h3>{product.name}</h3>
            <p>{product.description}</p>
            <b>{show(product.price)}</b>
            <small>{product.onHand > 0 ? `${product.onHand} left` : 'sold out'}</small>
            {/* Also of what is sold out: the page may be out of date, and whoever packs the order knows. */}
            <button onClick={() => onAdd(product)} aria-label={`Add ${product.name} to the cart`}>Add</button>
          </li>
        ))}
      </ul>
      {page?.edges.length === 0 && <p className="hint">Nothing is called “{search}”.</p>}
      {page?.pageInfo.hasNextPage && (
        <button className="quiet more" disabled={loading} onClick={() => void fetchMore({ variables: { after: page.pageInfo.endCursor } })}>
          More products
        </button>
      )}
    </section>
  );
}
