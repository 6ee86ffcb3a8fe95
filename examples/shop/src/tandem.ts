// All that stands between the shop and Tandem: who is signed in, the client, and the socket.
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, makeVar } from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { ErrorLink } from '@apollo/client/link/error';
import { RetryLink } from '@apollo/client/link/retry';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { relayStylePagination } from '@apollo/client/utilities';
import { OperationTypeNode } from 'graphql';
import { createClient } from 'graphql-ws';
import { from, switchMap } from 'rxjs';
import { Problem, codeOf } from './errors';
import { graphql } from './generated';
import type { LoginMutation } from './generated/graphql';

export const server: string = import.meta.env.VITE_TANDEM_URL ?? 'http://127.0.0.1:8000';
const http = new HttpLink({ uri: `${server}/graphql` });

// The refresh token outlives a reload; the access token stays in memory.
const KEY = 'tandem.shop.refreshToken';
let accessToken: string | null = null;
let renewing: Promise<string> | null = null;
export const signedIn = makeVar(localStorage.getItem(KEY) !== null);

const LOGIN = graphql(`mutation Login($input: LoginInput!) {
  login(input: $input) { accessToken refreshToken errors { code message } }
}`);
const REFRESH = graphql(`mutation Refresh($input: RefreshTokenInput!) {
  refreshToken(input: $input) { accessToken refreshToken errors { code message } }
}`);
const LOGOUT = graphql(`mutation Logout($input: LogoutInput!) { logout(input: $input) { signedOut } }`);
/** Sends no token: what gets one must not wait for one. */
const bare = new ApolloClient({ link: http, cache: new InMemoryCache(), defaultOptions: { mutate: { fetchPolicy: 'no-cache' } } });

function keep(tokens: LoginMutation['login'] | undefined): string {
  if (!tokens?.accessToken || !tokens.refreshToken) throw new Problem(tokens?.errors[0]);
  localStorage.setItem(KEY, tokens.refreshToken);
  accessToken = tokens.accessToken;
  signedIn(true);
  return accessToken;
}

/** Leaves nothing of the person who was signed in: no token, no open socket, nothing in the cache. */
function forget() {
  localStorage.removeItem(KEY);
  accessToken = null;
  signedIn(false);
  socket.terminate();
  void client.resetStore().catch(() => undefined); // what is asked again tells its own errors
}

export async function signIn(email: string, password: string) {
  keep((await bare.mutate({ mutation: LOGIN, variables: { input: { email, password } } })).data?.login);
}

/** Waits for an exchange on its way: the newest token ends the session. */
export const signOut = () => navigator.locks.request(KEY, async () => {
  const refreshToken = localStorage.getItem(KEY);
  forget();
  await bare.mutate({ mutation: LOGOUT, variables: { input: { refreshToken } } });
});

async function redeem() {
  const refreshToken = localStorage.getItem(KEY);
  if (refreshToken === null) throw new Problem({ code: 'NOT_AUTHENTICATED', message: 'Nobody is signed in.' });
  try {
    return keep((await bare.mutate({ mutation: REFRESH, variables: { input: { refreshToken } } })).data?.refreshToken);
  } catch (error) {
    if (codeOf(error) === 'REFRESH_TOKEN_INVALID') forget();
    throw error;
  }
}

/** A token other than `stale`. A refresh token is good once: one exchange at a time, in this tab and among tabs. */
async function renew(stale: string | null): Promise<string> {
  if (accessToken !== null && accessToken !== stale) return accessToken;
  renewing ??= Promise.resolve(navigator.locks.request(KEY, redeem)).finally(() => { renewing = null; });
  return renewing;
}

const token = async () => accessToken ?? (localStorage.getItem(KEY) === null ? null : renew(null));

// What another tab does to the sign-in counts here, too.
addEventListener('storage', ({ key, newValue }) => {
  if (key === KEY && newValue === null) forget();
  else if (key === KEY) signedIn(true);
});

let sent: string | null = null;
let refused = false;
const socket = createClient({
  url: `${server.replace(/^http/, 'ws')}/graphql`,
  retryAttempts: 20,
  retryWait: (retries) => new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(30_000, 500 * 2 ** retries))),
  connectionParams: async () => {
    sent = refused ? await renew(sent) : await token();
    refused = false;
    return { authorization: `Bearer ${sent}` };
  },
  on: { closed: (event) => { refused = (event as CloseEvent).code === 4403; } }, // the token had ended
});

const authorize = new SetContextLink(async ({ headers }) => {
  const bearer = await token();
  return { bearer, headers: { ...headers, ...(bearer && { authorization: `Bearer ${bearer}` }) } };
});
const renewAndRepeat = new ErrorLink(({ error, operation, forward }) => {
  if (!CombinedGraphQLErrors.is(error) || !['TOKEN_EXPIRED', 'TOKEN_INVALID', 'NOT_AUTHENTICATED'].includes(codeOf(error))) return;
  return from(renew(operation.getContext().bearer)).pipe(switchMap(() => forward(operation)));
});
/** A lost answer is asked for again where that changes nothing twice: of queries, and of what has an idempotency key. */
const retry = new RetryLink({
  attempts: {
    max: 3,
    retryIf: (_, { operationType, variables }) =>
      operationType === OperationTypeNode.QUERY || Boolean(variables.input?.idempotencyKey),
  },
});
const isSubscription = ({ operationType }: ApolloLink.Operation) => operationType === OperationTypeNode.SUBSCRIPTION;

export const client = new ApolloClient({
  link: ApolloLink.from([renewAndRepeat, authorize, ApolloLink.split(isSubscription, new GraphQLWsLink(socket), retry.concat(http))]),
  cache: new InMemoryCache({
    typePolicies: { Query: { fields: { products: relayStylePagination(['filter']), orders: relayStylePagination() } } },
  }),
});
