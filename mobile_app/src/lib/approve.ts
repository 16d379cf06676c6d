/** Approvals: what each document must say, checked on the device, then signed. The crypto is fetched when first needed. */
import * as api from '../api'
import type { Acceptance, Confirmation, Dispute, Order, SignatureRequest } from '../api/types'
import type { Shown } from '../crypto/checks'
import type { TypedData } from '../crypto/eip712'
import { withKey } from '../state/keys.svelte'
import { session } from '../state/session.svelte'
import { day, lastDay, money } from './format'
import { place } from './place'

const typed = (value: unknown): TypedData => value as TypedData

function mine(): string {
  const address = session.account?.address
  if (!address) throw new Error('Your signing key is not set up yet. Do that under Account.')
  return address
}

/** The customer's own reference, which the handover code is made from. */
function reference(order: Order): string {
  if (!order.client_reference) throw new Error('This order was not placed with this account.')
  return order.client_reference
}

/** The customer's terms and payment say what the quote says; throws MismatchError. */
export async function checkConfirmation(found: Confirmation, order: Order): Promise<void> {
  const [checks, where] = await Promise.all([import('../crypto/checks'), place()])
  if (!order.quote || found.total_minor !== order.quote.total_minor) throw new checks.MismatchError('the amount')
  const shown: Shown = {
    agreementId: found.agreement_id, amountMinor: order.quote.total_minor, deliverBy: order.deliver_by, signer: mine(), role: 'payer',
  }
  checks.checkTerms(typed(found.terms), shown, where)
  checks.checkPermit(typed(found.permit), typed(found.terms), shown, where)
}

/** Orders and pays: both documents are checked again and signed with one passphrase. */
export async function confirmOrder(found: Confirmation, order: Order): Promise<Order> {
  const detail = `${money(found.total_minor, found.currency)} to ${order.manufacturer.name}, delivered by ${day(found.deliver_by)}. The money is held safely and paid out step by step.`
  return withKey('Your approval', detail, `Approve ${money(found.total_minor, found.currency)}`, async (key) => {
    await checkConfirmation(found, order)
    const [{ checkHandover }, signing] = await Promise.all([import('../crypto/checks'), import('../crypto/signing')])
    checkHandover(typed(found.terms), signing.handoverSecret(key, reference(order)))
    return api.confirm(order.id, signing.signTypedData(key, typed(found.terms)), signing.signTypedData(key, typed(found.permit)))
  })
}

/** The customer says that the delivery is as agreed. */
export async function acceptDelivery(found: Acceptance, order: Order): Promise<Order> {
  const agreement = order.agreements.find(({ kind }) => kind === 'delivery')
  if (!agreement) throw new Error('The agreement of this order is not open yet.')
  return withKey('Accept the delivery', 'This releases what is still held for the delivery.', 'Accept delivery', async (key) => {
    const [{ checkAction }, { signTypedData }, where] = await Promise.all([import('../crypto/checks'), import('../crypto/signing'), place()])
    checkAction(typed(found.typed_data), agreement.id, 'accept', where)
    return api.acceptDelivery(order.id, signTypedData(key, typed(found.typed_data)))
  })
}

/** The customer says that something is wrong: what is held stays where it is until the arbiter has decided. */
export async function openDispute(found: Dispute, order: Order, reason: string, photos: string[]): Promise<Dispute> {
  const agreement = order.agreements.find(({ kind }) => kind === 'delivery')
  if (!agreement || !found.typed_data) throw new Error(found.why_not ?? 'This order cannot be disputed now.')
  const document = typed(found.typed_data)
  const detail = `${money(found.held_minor, found.currency)} stay where they are until it is decided. This cannot be taken back.`
  return withKey('Something is wrong', detail, 'Ask the arbiter', async (key) => {
    const [{ checkAction }, { signTypedData }, where] = await Promise.all([import('../crypto/checks'), import('../crypto/signing'), place()])
    checkAction(document, agreement.id, 'dispute', where)
    return api.openDispute(order.id, reason, photos, signTypedData(key, document))
  })
}

async function checkRequest(request: SignatureRequest, signer: string): Promise<void> {
  const [checks, where] = await Promise.all([import('../crypto/checks'), place()])
  const { agreement, purpose, role } = request
  const document = typed(request.typed_data)
  if (purpose !== 'terms') return checks.checkAction(document, agreement.id, purpose, where)
  const shown: Shown = { agreementId: agreement.id, amountMinor: agreement.amount_minor, deliverBy: agreement.deliver_by, signer, role }
  checks.checkTerms(document, shown, where)
}

/** An organisation signs a request. */
export async function signRequest(request: SignatureRequest): Promise<SignatureRequest> {
  const { agreement } = request
  const detail = `${agreement.description}: ${money(agreement.amount_minor, agreement.currency)}, by ${lastDay(agreement.deliver_by)}.`
  return withKey('Sign', detail, 'Sign', async (key) => {
    const signing = await import('../crypto/signing')
    await checkRequest(request, signing.addressOf(key))
    return api.sign(request.id, signing.signTypedData(key, typed(request.typed_data)))
  })
}

/** The secret of an order's handover code, made from the key and nothing stored. */
export async function handoverCode(order: Order): Promise<string> {
  return withKey('Show your handover code', 'The code is made from your signing key, for this order only.', 'Show the code', async (key) => {
    const { handoverSecret } = await import('../crypto/signing')
    return handoverSecret(key, reference(order))
  })
}
