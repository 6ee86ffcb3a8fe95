// GraphQL Yoga on node:http with DataLoader; with BENCH_JIT=1 compiled by graphql-jit.
import { createServer } from 'node:http'
import { useGraphQlJit } from '@envelop/graphql-jit'
import { createSchema, createYoga } from 'graphql-yoga'
import { makeLoaders, resolvers, typeDefs } from './shop.mjs'
import { port, viewerId } from './viewer.mjs'

const yoga = createYoga({
  schema: createSchema({ typeDefs, resolvers }),
  context: ({ request }) => ({ viewer: viewerId(request.headers.get('authorization')), loaders: makeLoaders() }),
  plugins: process.env.BENCH_JIT ? [useGraphQlJit()] : [],
  graphiql: false,
  landingPage: false,
  logging: false,
})
createServer(yoga).listen(port, '127.0.0.1')
