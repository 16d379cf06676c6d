/** Where agreements are kept, read once: what the device checks a document against before it signs. */
import * as api from '../api'
import type { Place } from '../crypto/checks'

const PRACTICE_CHAINS = [1337, 31337, 131277322940537]

let known: Promise<Place & { practice: boolean }> | null = null

/** The place of the agreements; asked again after a failure. */
export function place(): Promise<Place & { practice: boolean }> {
  known ??= api
    .chain()
    .then((chain) => ({
      chain_id: chain.chain_id,
      factory: chain.factory,
      token: chain.token.address,
      unit: String(chain.unit),
      practice: PRACTICE_CHAINS.includes(Number(chain.chain_id)) || /test/i.test(chain.token.symbol),
    }))
    .catch((reason: unknown) => {
      known = null
      throw reason
    })
  return known
}
