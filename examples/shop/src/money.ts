type Money = { amount: string; currency: string };
type Line = { quantity: number; product: { price: Money } };

export const show = ({ amount, currency }: Money) =>
  new Intl.NumberFormat(undefined, { style: 'currency', currency }).format(Number(amount));

/** What the lines come to at the prices of now, counted in cents: for the eye, since what is charged is the server's `total`. */
export function sum(lines: Line[]): Money {
  const cents = lines.reduce((all, { quantity, product }) => all + quantity * Math.round(Number(product.price.amount) * 100), 0);
  return { amount: (cents / 100).toFixed(2), currency: lines[0]?.product.price.currency ?? 'USD' };
}
