// Mercurius on Fastify, compiled by graphql-jit, with DataLoader: its own loaders write every object out as JSON to
// tell them apart, which makes this list a third slower.
import { makeExecutableSchema } from '@graphql-tools/schema'
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { makeLoaders, resolvers, typeDefs } from './shop.mjs'
import { port, viewerId } from './viewer.mjs'

const app = Fastify({ logger: false })
app.register(mercurius, {
  schema: makeExecutableSchema({ typeDefs, resolvers }),
  jit: 1,
  context: (request) => ({ viewer: viewerId(request.headers.authorization), loaders: makeLoaders() }),
})
await app.listen({ port, host: '127.0.0.1' })
