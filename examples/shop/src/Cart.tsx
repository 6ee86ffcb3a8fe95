import { useMutation } from '@apollo/client/react';
import { type FormEvent, useEffect, useState } from 'react';
import type { Product } from './Catalogue';
import { ErrorText, Problem } from './errors';
import { graphql } from './generated';
import { show, sum } from './money';
import { ORDERS } from './Orders';

const CREATE = graphql(`mutation CreateOrder($input: CreateOrderInput!) {
  createOrder(input: $input) {
    order { ...Card }
    quote { items { quantity product { id name description onHand price { amount currency } } } }
    errors { code message field }
  }
}`);

/** `idempotencyKey`: of the order that was asked for and not answered yet; a changed cart is another order. */
type Cart = {
  lines: Record<string, { product: Product; quantity: number }>;
  shippingAddress: string;
  idempotencyKey?: string;
};

export const EMPTY: Cart = { lines: {}, shippingAddress: '' };

/** The cart, which survives a reload together with its key. */
export function useCart() {
  const [cart, setCart] = useState<Cart>(() => JSON.parse(sessionStorage.getItem('cart') ?? 'null') ?? EMPTY);
  useEffect(() => sessionStorage.setItem('cart', JSON.stringify(cart)), [cart]);
  return [cart, setCart] as const;
}

export const linesOf = ({ lines }: Cart) => Object.values(lines).filter(({ quantity }) => quantity > 0);

export function add({ lines, shippingAddress }: Cart, product: Product, pieces: number): Cart {
  const quantity = (lines[product.id]?.quantity ?? 0) + pieces;
  return { shippingAddress, lines: { ...lines, [product.id]: { product, quantity } } };
}

type Props = { cart: Cart; setCart: (cart: Cart) => void; isSignedIn: boolean };

export function CartForm({ cart, setCart, isSignedIn }: Props) {
  const { shippingAddress } = cart;
  const lines = linesOf(cart);
  const [create, { loading }] = useMutation(CREATE, { refetchQueries: [ORDERS] });
  const [error, setError] = useState<unknown>();

  async function order(event: FormEvent) {
    event.preventDefault();
    const idempotencyKey = cart.idempotencyKey ?? crypto.randomUUID();
    setCart({ ...cart, idempotencyKey });
    setError(undefined);
    try {
      const items = lines.map(({ product, quantity }) => ({ productId: product.id, quantity }));
      const expectedTotal = sum(lines).amount;
      const { data } = await create({ variables: { input: { items, shippingAddress, idempotencyKey, expectedTotal } } });
      const quote = data?.createOrder.quote;
      if (quote) setCart({ shippingAddress, lines: Object.fromEntries(quote.items.map((line) => [line.product.id, line])) });
      if (!data?.createOrder.order) throw new Problem(data?.createOrder.errors[0]);
      setCart({ lines: {}, shippingAddress });
    } catch (problem) {
      setError(problem);
    }
  }

  return (
    <form id="cart" onSubmit={order}>
      <h2>Cart</h2>
      {lines.length === 0 && <p className="hint">Nothing in it yet.</p>}
      <ul>
        {lines.map(({ product, quantity }) => (
          <li key={product.id}>
            <span>{product.name}</span>
            <button type="button" className="quiet" aria-label={`One less: ${product.name}`} onClick={() => setCart(add(cart, product, -1))}>−</button>
            <span>{quantity}</span>
            <button type="button" className="quiet" aria-label={`One more: ${product.name}`} onClick={() => setCart(add(cart, product, 1))}>+</button>
            <b>{show(sum([{ product, quantity }]))}</b>
          </li>
        ))}
      </ul>
      <ErrorText error={error} />
      {lines.length > 0 && (
        <>
          <input name="address" aria-label="Shipping address" placeholder="Shipping address" autoComplete="street-address" required
            value={shippingAddress} onChange={(event) => setCart({ lines: cart.lines, shippingAddress: event.target.value })} />
          <button disabled={!isSignedIn || loading}>{isSignedIn ? `Order for ${show(sum(lines))}` : 'Sign in to order'}</button>
        </>
      )}
    </form>
  );
}
