// Who asks, by the access token. fast-jwt remembers those that it has verified.
import { createVerifier } from 'fast-jwt'

export const port = Number(process.env.BENCH_PORT)

const verify = createVerifier({
  key: process.env.BENCH_SECRET,
  algorithms: ['HS256'],
  allowedIss: 'tandem',
  allowedAud: 'tandem-api',
  cache: true,
})

export function claimsOf(authorization) {
  return authorization?.startsWith('Bearer ') ? verify(authorization.slice(7)) : null
}

export function viewerId(authorization) {
  const claims = claimsOf(authorization)
  return claims && Number(claims.sub)
}
