/** Every call the app makes, one function each; all throw ApiProblem. */
import { body, client } from './client'
import type { Configuration, Joining, NewAccount, NewOrder, Report, Rule } from './types'

const at = (id: string) => ({ params: { path: { id } } })

function basic(email: string, password: string): string {
  const bytes = new TextEncoder().encode(`${email}:${password}`)
  return `Basic ${btoa(String.fromCharCode(...bytes))}`
}

export const register = (account: NewAccount) => body(client.POST('/v1/accounts', { body: account }))
export const signIn = (email: string, password: string) =>
  body(client.POST('/v1/tokens', { headers: { Authorization: basic(email, password) } }))
/** Ends one token, which need not be the present one any more. */
export const signOut = (token: string) =>
  body(client.DELETE('/v1/tokens/current', { headers: { Authorization: `Bearer ${token}` } }))
export const invitation = (link: string) => body(client.POST('/v1/join/invitation', { body: { link } }))
export const askCode = (link: string) => body(client.POST('/v1/join/code', { body: { link } }))
export const join = (joining: Joining) => body(client.POST('/v1/join', { body: joining }))
export const absentSuppliers = (orderId: string) => body(client.GET('/v1/orders/{id}/absent-suppliers', at(orderId)))
export const invitations = (orderId: string) => body(client.GET('/v1/orders/{id}/invitations', at(orderId)))
export const invite = (orderId: string, party: string) =>
  body(client.POST('/v1/orders/{id}/invitations', { ...at(orderId), body: { registry_party_id: party } }))
export const me = () => body(client.GET('/v1/me'))
export const setSigningKey = (address: string, signature: string) =>
  body(client.PUT('/v1/me/signing-key', { body: { address, signature } }))
export const chain = () => body(client.GET('/v1/chain'))

export const products = () => body(client.GET('/v1/products'))
export const product = (id: string) => body(client.GET('/v1/products/{id}', at(id)))
export const quote = (id: string, configuration: Configuration, deliverBy: string) =>
  body(client.POST('/v1/products/{id}/quotes', { ...at(id), body: { configuration, deliver_by: deliverBy } }))

export const tryConfiguration = (id: string, configuration: Configuration) =>
  body(client.POST('/v1/products/{id}/configuration', { ...at(id), body: { configuration } }))
/** Hands a file in; the digest it gets is the value of a file option. The same file again is the same file. */
export const uploadDesign = (file: File, format: 'svg' | 'stl') =>
  body(client.POST('/v1/design-files', {
    body: file as unknown as string, bodySerializer: (given) => given as unknown as File,
    headers: { 'Content-Type': format === 'svg' ? 'image/svg+xml' : 'model/stl' },
  }))

/** Places an order; its client reference is also the idempotency key, so a second tap cannot order twice. */
export const placeOrder = (order: NewOrder) =>
  body(client.POST('/v1/orders', { body: order, headers: { 'Idempotency-Key': order.client_reference } }))
export const orders = (cursor?: string) =>
  body(client.GET('/v1/orders', { params: { query: cursor ? { limit: 20, cursor } : { limit: 20 } } }))
export const order = (id: string) => body(client.GET('/v1/orders/{id}', at(id)))
export const timeline = (id: string) => body(client.GET('/v1/orders/{id}/timeline', at(id)))
export const confirmation = (id: string) => body(client.GET('/v1/orders/{id}/confirmation', at(id)))
export const confirm = (id: string, terms: string, permit: string) =>
  body(client.POST('/v1/orders/{id}/confirm', { ...at(id), body: { terms_signature: terms, permit_signature: permit } }))
export const acceptance = (id: string) => body(client.GET('/v1/orders/{id}/acceptance', at(id)))
export const acceptDelivery = (id: string, signature: string) =>
  body(client.POST('/v1/orders/{id}/accept-delivery', { ...at(id), body: { signature } }))
export const dispute = (id: string) => body(client.GET('/v1/orders/{id}/dispute', at(id)))
export const openDispute = (id: string, reason: string, photos: string[], signature: string) =>
  body(client.POST('/v1/orders/{id}/dispute', { ...at(id), body: { reason, photos, signature } }))
export const answerDispute = (id: string, text: string, photos: string[]) =>
  body(client.POST('/v1/orders/{id}/dispute/statements', { ...at(id), body: { text, photos } }))
/** Hands a photo in; what is kept of it are its pixels, under the digest that it gets. */
export const uploadPhoto = (id: string, photo: File) =>
  body(client.POST('/v1/orders/{id}/dispute/photos', {
    ...at(id), body: photo as unknown as string, bodySerializer: (given) => given as unknown as File,
    headers: { 'Content-Type': photo.type },
  }))
export const photo = (id: string, digest: string) =>
  body(client.GET('/v1/orders/{id}/dispute/photos/{digest}', { params: { path: { id, digest } }, parseAs: 'blob' })) as unknown as Promise<Blob>
export const dropPhoto = (id: string, digest: string) =>
  body(client.DELETE('/v1/orders/{id}/dispute/photos/{digest}', { params: { path: { id, digest } } }))
export const decide = (id: string, decision: 'accept' | 'reject', reason = '') =>
  body(client.POST('/v1/orders/{id}/decision', { ...at(id), body: { decision, reason } }))
export const cancel = (id: string, reason: string) => body(client.POST('/v1/orders/{id}/cancel', { ...at(id), body: { reason } }))
export const ship = (id: string) => body(client.POST('/v1/orders/{id}/ship', { ...at(id), body: {} }))
export const handOver = (id: string, secret: string) =>
  body(client.POST('/v1/orders/{id}/handover', { ...at(id), body: { secret } }))

export const signatureRequests = (status: 'open' | 'all') =>
  body(client.GET('/v1/signature-requests', { params: { query: { status } } }))
export const sign = (id: string, signature: string) =>
  body(client.POST('/v1/signature-requests/{id}/signature', { ...at(id), body: { signature } }))
export const decline = (id: string, reason: string) =>
  body(client.POST('/v1/signature-requests/{id}/decline', { ...at(id), body: { reason } }))
export const counter = (id: string, terms: { amount_minor: number; reason: string }) =>
  body(client.POST('/v1/signature-requests/{id}/counter', { ...at(id), body: terms }))

export const jobs = () => body(client.GET('/v1/jobs'))
export const reportJob = (id: string, kind: Report, note = '') =>
  body(client.POST('/v1/jobs/{id}/reports', { ...at(id), body: { kind, note } }))
export const rule = () => body(client.GET('/v1/manufacturer/rule'))
export const setRule = (value: Rule) => body(client.PUT('/v1/manufacturer/rule', { body: value }))

export const inbox = () => body(client.GET('/v1/inbox'))
export const markRead = (id: string) => body(client.POST('/v1/inbox/{id}/read', at(id)))
export const pushKey = () => body(client.GET('/v1/push/key'))
export const subscribePush = (endpoint: string, p256dh: string, auth: string) =>
  body(client.POST('/v1/push/subscriptions', { body: { kind: 'web_push', endpoint, keys: { p256dh, auth } } }))
export const unsubscribePush = (id: string) => body(client.DELETE('/v1/push/subscriptions/{id}', at(id)))

/** Practice money for this account's signing key; the API offers it in development only. */
export const addFunds = () => body(client.POST('/v1/dev/funds', { body: {} }))
