/** The signing key of the signed-in account: when it is needed, the key sheet asks for the passphrase. */
import * as api from '../api'
import type { VaultRecord } from '../crypto/vault'
import { session, setAccount } from './session.svelte'

export type KeyMode = 'create' | 'unlock' | 'import'

interface Ask {
  mode: KeyMode
  title: string
  detail: string
  button: string
  finish: (key: Uint8Array | null) => void
}

/** The person closed the sheet: nothing was signed. */
export class Dismissed extends Error {}

export const keySheet = $state<{ ask: Ask | null }>({ ask: null })
export const keyState = $state<{ address: string | null }>({ address: null })

// An unlocked key stays in memory this long, and only if the person asked for it.
const STAY_MS = 5 * 60_000
let unlocked: { account: string; key: Uint8Array; timer: ReturnType<typeof setTimeout> } | null = null

const slot = (): string => `lso.key.${session.account?.id ?? ''}`

/** The locked key kept on this device for the account, if there is one. */
export function storedKey(): VaultRecord | null {
  try {
    const record = JSON.parse(localStorage.getItem(slot()) ?? 'null') as VaultRecord | null
    return record?.v === 1 && typeof record.sealed === 'string' ? record : null
  } catch {
    return null
  }
}

/** Reads again whether this device has the account's key. */
export function refreshKey(): void {
  keyState.address = storedKey()?.address ?? null
}

/** Keeps a locked key on the device. */
export function storeKey(record: VaultRecord): void {
  localStorage.setItem(slot(), JSON.stringify(record))
  lock()
  refreshKey()
}

/** Forgets the unlocked key at once. */
export function lock(): void {
  if (!unlocked) return
  clearTimeout(unlocked.timer)
  unlocked.key.fill(0)
  unlocked = null
}

/** Leaves the key open for five minutes. */
export function stayUnlocked(key: Uint8Array): void {
  lock()
  unlocked = { account: session.account?.id ?? '', key: key.slice(), timer: setTimeout(lock, STAY_MS) }
}

function ask(mode: KeyMode, title: string, detail: string, button: string): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    keySheet.ask?.finish(null)
    const finish = (key: Uint8Array | null): void => {
      keySheet.ask = null
      if (key) resolve(key)
      else reject(new Dismissed('Nothing was signed.'))
    }
    keySheet.ask = { mode, title, detail, button, finish }
  })
}

async function obtain(title: string, detail: string, button: string): Promise<Uint8Array> {
  if (unlocked && unlocked.account === session.account?.id) return unlocked.key.slice()
  const mode: KeyMode = storedKey() ? 'unlock' : session.account?.address ? 'import' : 'create'
  return ask(mode, title, detail, button)
}

/** Tells the marketplace the address of this key, with the proof that we hold it. */
async function announce(key: Uint8Array): Promise<void> {
  const { addressOf, keyProof, signTypedData } = await import('../crypto/signing')
  const { account } = session
  const address = addressOf(key)
  if (!account || account.address?.toLowerCase() === address.toLowerCase()) return
  setAccount(await api.setSigningKey(address, signTypedData(key, keyProof(account.id, address))))
}

/**
 * Lends the signing key to `use` and clears it afterwards. Makes, imports or unlocks it first, as needed, and sees to
 * it that the marketplace knows its address. Throws Dismissed when the person closes the sheet.
 */
export async function withKey<T>(title: string, detail: string, button: string, use: (key: Uint8Array) => T | Promise<T>): Promise<T> {
  const key = await obtain(title, detail, button)
  try {
    await announce(key)
    return await use(key)
  } finally {
    key.fill(0)
  }
}

/** Opens the sheet in one mode on the person's own wish (the account screen), then announces the key. */
export async function setUpKey(mode: 'create' | 'import'): Promise<void> {
  const title = mode === 'create' ? 'Create your signing key' : 'Import a backup'
  const key = await ask(mode, title, '', mode === 'create' ? 'Create key' : 'Import key')
  try {
    await announce(key)
  } finally {
    key.fill(0)
  }
}
