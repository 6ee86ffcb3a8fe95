/** What a person is told on any page when there is no answer, or not the one that was asked for. */

export const UNREACHABLE = `Tandem does not answer at ${location.origin}`;

/** When a request that was answered by 429 can be tried again. */
export const tooMany = (response) =>
  `Too many requests: try again in ${response.headers.get("retry-after") ?? "some"} seconds.`;
