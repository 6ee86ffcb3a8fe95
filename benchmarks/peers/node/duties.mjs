// What a server in production owes besides its answers, for a Fastify application: the session of every request looked
// up in PostgreSQL, a rate limit counted in Valkey and told in three headers, a log line, a limit on bodies.
import { Redis } from 'ioredis'
import { sql } from './shop.mjs'
import { claimsOf } from './viewer.mjs'

const { BENCH_REDIS_URL, BENCH_RATE_LIMIT, BENCH_MAX_BODY_BYTES } = process.env
const limit = Number(BENCH_RATE_LIMIT)
const WINDOW = 60

// Commands of one turn of the event loop go to Valkey in one write.
const redis = new Redis(BENCH_REDIS_URL, { enableAutoPipelining: true })

// Fastify's own logger (pino) writes JSON, by default two lines a request: here it is one, when the request is over.
export const options = {
  logger: true,
  disableRequestLogging: true,
  bodyLimit: Number(BENCH_MAX_BODY_BYTES),
}

async function count(subject) {
  const number = Math.floor(Date.now() / 1000 / WINDOW)
  const key = `bench:requests:${subject}:${number}`
  // A window's key outlives it by a second.
  const [hits] = await Promise.all([redis.incrby(key, 1), redis.expire(key, WINDOW + 1, 'NX')])
  return { hits, resetAt: (number + 1) * WINDOW }
}

async function liveUser(sessionId) {
  const [user] = await sql`SELECT users.id, users.email, users.full_name, users.is_admin, users.created_at
    FROM sessions JOIN users ON users.id = sessions.user_id
    WHERE sessions.id = ${sessionId} AND sessions.revoked_at IS NULL
      AND users.is_active AND users.deleted_at IS NULL`
  return user ?? null
}

const refusal = (code, message) => ({ data: null, errors: [{ message, extensions: { code } }] })

export function addDuties(app) {
  app.decorateRequest('user', null)

  app.addHook('onRequest', async (request, reply) => {
    let claims
    try {
      claims = claimsOf(request.headers.authorization)
    } catch {
      return reply.code(401).send(refusal('TOKEN_INVALID', 'The access token is not valid'))
    }
    const { hits, resetAt } = await count(claims ? `user:${claims.sub}` : `address:${request.ip}`)
    reply.header('X-RateLimit-Limit', limit)
    reply.header('X-RateLimit-Remaining', Math.max(0, limit - hits))
    reply.header('X-RateLimit-Reset', resetAt)
    if (hits > limit) {
      reply.header('Retry-After', Math.max(1, resetAt - Math.floor(Date.now() / 1000)))
      return reply.code(429).send(refusal('RATE_LIMITED', 'Too many requests'))
    }
    if (claims) {
      request.user = await liveUser(claims.sid)
      if (!request.user) return reply.code(401).send(refusal('TOKEN_INVALID', 'The session has ended'))
    }
  })

  app.addHook('onResponse', async (request, reply) => {
    request.log.info({
      method: request.method,
      path: request.url,
      status: reply.statusCode,
      milliseconds: reply.elapsedTime,
    })
  })
}
