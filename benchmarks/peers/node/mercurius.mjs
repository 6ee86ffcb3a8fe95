// Mercurius on Fastify with its own loaders, compiled by graphql-jit.
import { makeExecutableSchema } from '@graphql-tools/schema'
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { itemsOf, productsOf, resolvers, scalars, typeDefs, usersOf } from './shop.mjs'
import { port, viewerId } from './viewer.mjs'

// Mercurius calls each loader once for all objects of a level; the keys are made unique here rather than by its own
// cache, which would write each object out as JSON to tell them apart.
const unique = (key, load) => ({
  opts: { cache: false },
  async loader(queries) {
    const keys = [...new Set(queries.map(({ obj }) => obj[key]))]
    const loaded = await load(keys)
    const found = new Map(keys.map((id, index) => [id, loaded[index]]))
    return queries.map(({ obj }) => found.get(obj[key]))
  },
})

const app = Fastify({ logger: false })
app.register(mercurius, {
  schema: makeExecutableSchema({ typeDefs, resolvers: { ...resolvers, ...scalars } }),
  loaders: {
    Order: { items: unique('id', itemsOf), user: unique('user_id', usersOf) },
    OrderItem: { product: unique('product_id', productsOf) },
  },
  jit: 1,
  context: (request) => ({ viewer: viewerId(request.headers.authorization) }),
})
await app.listen({ port, host: '127.0.0.1' })
