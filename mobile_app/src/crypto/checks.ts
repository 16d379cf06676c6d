/** What the device verifies before it signs: that the document says what the screen says. */
import { toHex } from './bytes'
import { toInteger, typedDataDigest, type TypedData } from './eip712'
import { handoverHash } from './signing'

/** The document differs from what was shown: nothing is signed. */
export class MismatchError extends Error {
  constructor(what: string) {
    super(`Nothing was signed: ${what} in the document is not what this screen shows.`)
  }
}

/** Where agreements live, as `GET /v1/chain` tells. */
export interface Place {
  chain_id: number
  factory: string
  token: string
  unit: string
}

/** What the screen shows of an agreement. */
export interface Shown {
  agreementId: string
  amountMinor: number
  /** A date ("2026-12-05") or the instant of the terms. */
  deliverBy: string
  signer: string
  role: string
}

const same = (a: unknown, b: string): boolean => typeof a === 'string' && a.toLowerCase() === b.toLowerCase()

function demand(holds: boolean, what: string): void {
  if (!holds) throw new MismatchError(what)
}

function checkDomain(data: TypedData, place: Place): void {
  demand(data.domain['name'] === 'LotSizeOne', 'the platform')
  demand(toInteger(data.domain['chainId']) === BigInt(place.chain_id), 'the network')
  demand(same(data.domain['verifyingContract'], place.factory), 'the platform')
}

/** The instant shown; or, for a date, the end of that day somewhere on Earth (UTC−12 to UTC+14). */
function isDue(seconds: bigint, shown: string): boolean {
  if (shown.includes('T')) return Number(seconds) * 1000 === Math.floor(Date.parse(shown) / 1000) * 1000
  const hours = (Number(seconds) - Date.parse(`${shown}T24:00:00Z`) / 1000) / 3600
  return hours >= -14 && hours <= 12
}

/** Terms against what is shown; throws MismatchError naming the first difference. */
export function checkTerms(data: TypedData, shown: Shown, place: Place): void {
  checkDomain(data, place)
  const terms = data.message
  demand(data.primaryType === 'Terms', 'the kind of document')
  demand(toHex(typedDataDigest(data)) === shown.agreementId.toLowerCase(), 'the agreement')
  demand(same(terms[shown.role], shown.signer), 'your signing key')
  demand(same(terms['token'], place.token), 'the currency')
  demand(toInteger(terms['unit']) === BigInt(place.unit), 'the currency')
  demand(toInteger(terms['amount']) === BigInt(shown.amountMinor) * BigInt(place.unit), 'the amount')
  demand(isDue(toInteger(terms['deliverBy']), shown.deliverBy), 'the delivery date')
}

/** The handover code in the terms is the one this device made for this order. */
export function checkHandover(terms: TypedData, secret: string): void {
  demand(same(terms.message['handover'], handoverHash(secret)), 'the handover code')
}

/** The payment approval moves exactly the shown amount, from this key, to the platform's escrow only. */
export function checkPermit(data: TypedData, terms: TypedData, shown: Shown, place: Place): void {
  const permit = data.message
  demand(data.primaryType === 'Permit', 'the kind of document')
  demand(toInteger(data.domain['chainId']) === BigInt(place.chain_id), 'the network')
  demand(same(data.domain['verifyingContract'], place.token), 'the currency')
  demand(same(permit['owner'], shown.signer), 'your signing key')
  demand(same(permit['spender'], place.factory), 'who receives the money')
  demand(toInteger(permit['value']) === toInteger(terms.message['amount']), 'the amount')
}

const ACTION_CODES: Record<string, bigint> = { accept: 1n, dispute: 5n, delivered: 6n }

/** An action (accepting a delivery, a carrier's delivery note) names this agreement and nothing else. */
export function checkAction(data: TypedData, agreementId: string, purpose: string, place: Place): void {
  checkDomain(data, place)
  demand(data.primaryType === 'Action', 'the kind of document')
  demand(same(data.message['id'], agreementId), 'the agreement')
  demand(toInteger(data.message['what']) === ACTION_CODES[purpose], 'the action')
}
