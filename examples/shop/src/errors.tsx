// Errors by their codes, in words for the person; a code without words here has Tandem's own.
import { CombinedGraphQLErrors } from '@apollo/client';
import type { ErrorCode, FailureCode } from './generated/graphql';

const WORDS: Partial<Record<ErrorCode | FailureCode | 'NETWORK', string>> = {
  NETWORK: 'Tandem does not answer. Is it running (make run)?',
  INVALID_CREDENTIALS: 'This email and this password do not belong together.',
  REFRESH_TOKEN_INVALID: 'Your sign-in has ended. Please sign in again.',
  RATE_LIMITED: 'That was a lot at once. Please wait a minute.',
  ORDER_NOT_CANCELLABLE: 'Too late: we had already packed it.',
  PRICE_CHANGED: 'A price has changed meanwhile. The cart has the new one: have a look, and order again.',
  OUT_OF_STOCK: 'There was not enough of it left.',
  PRODUCT_UNAVAILABLE: 'We no longer sell something in this order.',
  PROCESSING_ERROR: 'This went wrong on our side. Nothing was sold; please order again.',
};

type Told = { code: string; message: string };

/** What a payload's `errors` say, as an exception. */
export class Problem extends Error {
  readonly code: string;
  constructor({ code, message }: Told = { code: 'INTERNAL_ERROR', message: 'Something went wrong.' }) {
    super(message);
    this.code = code;
  }
}

/** The code of whatever was thrown; NETWORK if there was no answer. */
export function codeOf(error: unknown): string {
  if (CombinedGraphQLErrors.is(error)) return String(error.errors[0]?.extensions?.code ?? 'INTERNAL_ERROR');
  return error instanceof Problem ? error.code : 'NETWORK';
}

export function ErrorText({ error }: { error: unknown }) {
  if (!error) return null;
  const code = codeOf(error);
  return <p className="error" role="alert">{WORDS[code as keyof typeof WORDS] ?? (error as Error).message} <code>{code}</code></p>;
}
