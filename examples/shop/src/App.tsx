import { ApolloProvider, useReactiveVar } from '@apollo/client/react';
import { type FormEvent, StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { CartForm, EMPTY, add, linesOf, useCart } from './Cart';
import { Catalogue } from './Catalogue';
import { ErrorText } from './errors';
import { Orders } from './Orders';
import { client, signIn, signOut, signedIn } from './tandem';

function SignIn() {
  const [error, setError] = useState<unknown>();
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    await signIn(String(form.get('email')), String(form.get('password'))).catch(setError);
  }
  return (
    <form className="sign-in" onSubmit={submit}>
      <input name="email" type="email" aria-label="Email" autoComplete="username" required defaultValue="ada@example.com" />
      <input name="password" type="password" aria-label="Password" autoComplete="current-password" required defaultValue="tandem-user-demo" />
      <button>Sign in</button>
      <ErrorText error={error} />
    </form>
  );
}

function App() {
  const isSignedIn = useReactiveVar(signedIn);
  const [cart, setCart] = useCart();
  function leave() {
    setCart(EMPTY);
    signOut().catch(console.warn); // here it has ended in any case
  }
  return (
    <>
      <header>
        <h1>Tandem shop</h1>
        {linesOf(cart).length > 0 && <a className="to-cart" href="#cart">Cart</a>}
        {isSignedIn ? <button className="quiet" id="sign-out" onClick={leave}>Sign out</button> : <SignIn />}
      </header>
      <main>
        <Catalogue onAdd={(product) => setCart(add(cart, product, 1))} />
        <aside>
          <CartForm cart={cart} setCart={setCart} isSignedIn={isSignedIn} />
          {isSignedIn && <Orders />}
        </aside>
      </main>
    </>
  );
}

createRoot(document.getElementById('root')!).render(
  <StrictMode><ApolloProvider client={client}><App /></ApolloProvider></StrictMode>,
);
