// The audits of GraphQL over HTTP (graphql.github.io/graphql-over-http), as the package graphql-http has them.
import { serverAudits } from 'graphql-http';
import { check, url } from './harness.mjs';

for (const audit of serverAudits({ url })) {
  check(`${audit.name} (${audit.id})`, async () => {
    const { status, reason, response } = await audit.fn();
    if (status !== 'ok') throw new Error(`${status}: ${reason}, HTTP status ${response?.status}`);
  });
}
