// What the Node peers share: our schema, the database, and the statements behind its fields.
import { readFileSync } from 'node:fs'
import DataLoader from 'dataloader'
import { GraphQLError, GraphQLScalarType } from 'graphql'
import postgres from 'postgres'

const { BENCH_DATABASE_URL, BENCH_POOL, BENCH_SCHEMA } = process.env

export const typeDefs = readFileSync(BENCH_SCHEMA, 'utf8')

export const sql = postgres(BENCH_DATABASE_URL, {
  max: Number(BENCH_POOL),
  types: {
    // Amounts are far below 2^53.
    bigint: { to: 20, from: [20], parse: Number, serialize: String },
    // Most times are read and never asked for: parsed only when they are.
    date: { to: 1184, from: [1184], parse: (text) => text, serialize: String },
  },
})

function globalId(type, id) {
  return Buffer.from(`${type}:${id}`).toString('base64')
}

function databaseId(id, type) {
  const [name, key] = Buffer.from(id, 'base64').toString().split(':')
  if (name !== type) throw new GraphQLError(`id is not the global id of a ${type}`)
  return Number(key)
}


const byId = (rows, ids) => {
  const found = new Map(rows.map((row) => [row.id, row]))
  return ids.map((id) => found.get(id) ?? null)
}

async function itemsOf(orderIds) {
  const groups = new Map(orderIds.map((id) => [id, []]))
  for (const row of await sql`SELECT order_id, product_id, quantity, product_name, unit_price
    FROM order_items WHERE order_id = ANY(${orderIds}) ORDER BY id`) {
    groups.get(row.order_id).push(row)
  }
  return orderIds.map((id) => groups.get(id))
}

async function productsOf(ids) {
  return byId(await sql`SELECT id, name, description, price, on_hand, version, archived_at,
    created_at, updated_at FROM products WHERE id = ANY(${ids})`, ids)
}

async function usersOf(ids) {
  return byId(await sql`SELECT id, email, full_name, is_admin, created_at
    FROM users WHERE id = ANY(${ids}) AND deleted_at IS NULL`, ids)
}

export function makeLoaders() {
  return {
    items: new DataLoader(itemsOf),
    products: new DataLoader(productsOf),
    users: new DataLoader(usersOf),
  }
}

const PRODUCT_ORDERS = {
  'CREATED_AT DESC': sql`created_at DESC, id DESC`,
  'NAME ASC': sql`name, id`,
  'NAME DESC': sql`name DESC, id DESC`,
  'PRICE ASC': sql`price, id`,
  'PRICE DESC': sql`price DESC, id DESC`,
}

const wordLike = (word) => {
  const pattern = `%${word.toUpperCase()}%`
  return sql`AND (upper(name::varchar) LIKE ${pattern} OR upper(description::varchar) LIKE ${pattern})`
}
const containing = (search) => (search ? search.trim().split(/\s+/).map(wordLike) : sql``)

function page(rows, size) {
  return { nodes: rows.length > size ? rows.slice(0, size) : rows, pageInfo: { hasNextPage: rows.length > size } }
}

const money = (minor) => ({ amount: (minor / 100).toFixed(2), currency: 'USD' })

function required(context) {
  if (context.viewer === null) throw new GraphQLError('Sign in first')
  return context.viewer
}

export const resolvers = {
  Query: {
    async me(_root, _args, context) {
      // Where the session is looked up, its user has come with it.
      if (context.user) return context.user
      const [user] = await sql`SELECT id, email, full_name, is_admin, created_at
        FROM users WHERE id = ${required(context)} AND deleted_at IS NULL`
      return user
    },
    async order(_root, { id }, context) {
      const viewer = required(context)
      const [order] = await sql`SELECT id, user_id, status, total, shipping_address, failure_code, version,
        created_at, updated_at FROM orders WHERE id = ${databaseId(id, 'Order')}`
      if (order?.user_id !== viewer) throw new GraphQLError('There is no such order of yours')
      return order
    },
    async orders(_root, { first }, context) {
      const size = Math.min(first ?? 20, 100)
      return page(
        await sql`SELECT id, user_id, status, total, shipping_address, failure_code, version,
        created_at, updated_at FROM orders WHERE user_id = ${required(context)}
          ORDER BY created_at DESC, id DESC LIMIT ${size + 1}`,
        size,
      )
    },
    async products(_root, { first, filter, orderBy }) {
      const size = Math.min(first ?? 20, 100)
      const order = PRODUCT_ORDERS[orderBy ? `${orderBy.field} ${orderBy.direction}` : 'CREATED_AT DESC']
      return page(
        await sql`SELECT id, name, description, price, on_hand, version, archived_at, created_at,
          updated_at FROM products WHERE archived_at IS NULL ${containing(filter?.search)}
          ORDER BY ${order} LIMIT ${size + 1}`,
        size,
      )
    },
  },
  Order: {
    id: (order) => globalId('Order', order.id),
    databaseId: (order) => order.id,
    status: (order) => order.status.toUpperCase(),
    shippingAddress: (order) => order.shipping_address,
    failureCode: (order) => order.failure_code,
    createdAt: (order) => order.created_at,
    updatedAt: (order) => order.updated_at,
    total: (order) => money(order.total),
    items: (order, _args, { loaders }) => loaders.items.load(order.id),
    user: (order, _args, { loaders }) => loaders.users.load(order.user_id),
  },
  OrderItem: {
    productName: (item) => item.product_name,
    unitPrice: (item) => money(item.unit_price),
    product: (item, _args, { loaders }) => loaders.products.load(item.product_id),
  },
  Product: {
    id: (product) => globalId('Product', product.id),
    databaseId: (product) => product.id,
    onHand: (product) => product.on_hand,
    inStock: (product) => product.on_hand > 0,
    price: (product) => money(product.price),
    archivedAt: (product) => product.archived_at,
    createdAt: (product) => product.created_at,
    updatedAt: (product) => product.updated_at,
  },
  User: {
    id: (user) => globalId('User', user.id),
    databaseId: (user) => user.id,
    fullName: (user) => user.full_name,
    isAdmin: (user) => user.is_admin,
    createdAt: (user) => user.created_at,
  },
  DateTime: new GraphQLScalarType({ name: 'DateTime', serialize: (text) => new Date(text).toISOString() }),
  Decimal: new GraphQLScalarType({ name: 'Decimal', serialize: String }),
}
