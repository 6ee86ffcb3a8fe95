// Mercurius on Fastify, compiled by graphql-jit, with DataLoader: its own loaders write every object out as JSON to
// tell them apart, which makes this list a third slower. With BENCH_DUTIES=1 it has those of a server in production.
import { makeExecutableSchema } from '@graphql-tools/schema'
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { makeLoaders, resolvers, typeDefs } from './shop.mjs'
import { port, viewerId } from './viewer.mjs'

const duties = process.env.BENCH_DUTIES ? await import('./duties.mjs') : null

const app = Fastify(duties?.options ?? { logger: false })
duties?.addDuties(app)
app.register(mercurius, {
  schema: makeExecutableSchema({ typeDefs, resolvers }),
  jit: 1,
  context: duties
    ? ({ user }) => ({ user, viewer: user && user.id, loaders: makeLoaders() })
    : (request) => ({ viewer: viewerId(request.headers.authorization), loaders: makeLoaders() }),
})
await app.listen({ port, host: '127.0.0.1' })
