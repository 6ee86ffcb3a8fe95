// PostGraphile 5 (Grafast) on node:http: its schema is made from the tables; who asks is a field of ours.
import { createServer } from 'node:http'
import { PgSimplifyInflectionPreset } from '@graphile/simplify-inflection'
import { postgraphile } from 'postgraphile'
import { makePgService } from 'postgraphile/adaptors/pg'
import { context } from 'postgraphile/grafast'
import { grafserv } from 'postgraphile/grafserv/node'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'
import { extendSchema, gql } from 'postgraphile/utils'
import { port, viewerId } from './viewer.mjs'

// No row-level security: with it every query would become a transaction that first sets who asks.
const viewer = extendSchema((build) => ({
  typeDefs: gql`
    extend type Query {
      viewer: User
    }
  `,
  objects: {
    Query: {
      plans: {
        viewer: () => build.pgResources.users.get({ id: context().get('viewer') }),
      },
    },
  },
}))

const instance = postgraphile({
  extends: [PostGraphileAmberPreset, PgSimplifyInflectionPreset],
  plugins: [viewer],
  pgServices: [
    makePgService({
      connectionString: process.env.BENCH_DATABASE_URL,
      schemas: ['public', 'bench'],
      poolConfig: { max: Number(process.env.BENCH_POOL) },
    }),
  ],
  grafast: {
    explain: false,
    context: ({ node }) => ({ viewer: viewerId(node?.req.headers.authorization) }),
  },
  grafserv: { graphqlPath: '/graphql', graphiql: false, watch: false },
})
const server = createServer()
await instance.createServ(grafserv).addTo(server)
server.listen(port, '127.0.0.1')
