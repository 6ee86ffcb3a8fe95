// Apollo Server on Fastify with DataLoader.
import { ApolloServer } from '@apollo/server'
import fastifyApollo from '@as-integrations/fastify'
import Fastify from 'fastify'
import { makeLoaders, resolvers, typeDefs } from './shop.mjs'
import { port, viewerId } from './viewer.mjs'

const apollo = new ApolloServer({
  typeDefs,
  resolvers,
  introspection: true,
})
await apollo.start()
const app = Fastify({ logger: false })
await app.register(fastifyApollo(apollo), {
  context: async (request) => ({ viewer: viewerId(request.headers.authorization), loaders: makeLoaders() }),
})
await app.listen({ port, host: '127.0.0.1' })
