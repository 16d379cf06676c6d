/** The one HTTP client: bearer token, deadlines, idempotency keys, problems. */
import createClient, { type Middleware } from 'openapi-fetch'
import { keepLargeIntegers } from './json'
import { Offline, toProblem } from './problem'
import type { paths } from './schema'
import { traceparent } from './trace'

const DEADLINE_MS = 30_000

let bearer: string | null = null
let signedOut: () => void = () => undefined

/** The token of every following request; `null` after signing out. */
export function useToken(token: string | null): void {
  bearer = token
}

/** What to do when the API says that the token is no longer good. */
export function onSignedOut(action: () => void): void {
  signedOut = action
}

/** The headers that say who asks, for requests made outside the client (the event stream). */
export function authorisation(): Record<string, string> {
  return bearer ? { Authorization: `Bearer ${bearer}` } : {}
}

/** A random 128-bit id; `crypto.randomUUID` is missing on plain http. */
export function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

async function send(request: Request): Promise<Response> {
  const again = request.clone()
  try {
    return await fetch(request, { signal: AbortSignal.timeout(DEADLINE_MS) })
  } catch {
    // Safe to repeat: reads, or a write under the same Idempotency-Key.
    try {
      return await fetch(again, { signal: AbortSignal.timeout(DEADLINE_MS) })
    } catch {
      throw new Offline()
    }
  }
}

const headers: Middleware = {
  onRequest({ request }) {
    for (const [name, value] of Object.entries(authorisation())) if (!request.headers.has(name)) request.headers.set(name, value)
    if (request.method === 'POST' && !request.headers.has('Idempotency-Key')) request.headers.set('Idempotency-Key', uuid())
    if (request.method !== 'GET') request.headers.set('traceparent', traceparent())
    return request
  },
  async onResponse({ request, response }) {
    const ours = request.headers.get('Authorization') === `Bearer ${bearer}`
    if (response.status === 401 && bearer && ours) signedOut()
    const type = response.headers.get('Content-Type') ?? ''
    if (response.status === 204 || !type.includes('json')) return response
    const { status, statusText } = response
    return new Response(keepLargeIntegers(await response.text()), { status, statusText, headers: { 'Content-Type': type } })
  },
}

export const client = createClient<paths>({ baseUrl: window.location.origin, fetch: send })
client.use(headers)

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** The body of a successful answer; throws ApiProblem otherwise. */
export async function body<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await call
  if (!response.ok) throw toProblem(response.status, error)
  return data as T
}
