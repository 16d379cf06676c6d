/** The signing key at rest on this device: AES-GCM under a key derived from the person's passphrase. */
import { fromBase64, randomBytes, toBase64, utf8ToBytes } from './bytes'
import { addressOf } from './signing'

export interface VaultRecord {
  v: 1
  address: string
  salt: string
  iv: string
  rounds: number
  sealed: string
}

/** The passphrase is not the one the key was stored with. */
export class WrongPassphrase extends Error {}

// OWASP's figure for PBKDF2-HMAC-SHA256 (2023).
const ROUNDS = 600_000

async function sealingKey(passphrase: string, salt: Uint8Array<ArrayBuffer>, rounds: number): Promise<CryptoKey> {
  if (!crypto.subtle) throw new Error('Your browser only keeps signing keys on a secure (https) connection.')
  const base = await crypto.subtle.importKey('raw', new Uint8Array(utf8ToBytes(passphrase.normalize('NFKC'))), 'PBKDF2', false, ['deriveKey'])
  const kdf = { name: 'PBKDF2', hash: 'SHA-256', salt, iterations: rounds }
  return crypto.subtle.deriveKey(kdf, base, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
}

function algorithm(iv: Uint8Array<ArrayBuffer>, address: string): AesGcmParams {
  // The address is bound in, so a record cannot be relabelled.
  return { name: 'AES-GCM', iv, additionalData: new Uint8Array(utf8ToBytes(address)) }
}

/** Locks `key` with `passphrase`. */
export async function seal(key: Uint8Array, passphrase: string): Promise<VaultRecord> {
  const [salt, iv, address] = [randomBytes(16), randomBytes(12), addressOf(key)]
  const sealed = await crypto.subtle.encrypt(algorithm(iv, address), await sealingKey(passphrase, salt, ROUNDS), new Uint8Array(key))
  return { v: 1, address, salt: toBase64(salt), iv: toBase64(iv), rounds: ROUNDS, sealed: toBase64(new Uint8Array(sealed)) }
}

/** Opens a record; throws WrongPassphrase. The caller clears the bytes when done. */
export async function unseal(record: VaultRecord, passphrase: string): Promise<Uint8Array> {
  const key = await sealingKey(passphrase, fromBase64(record.salt), record.rounds)
  try {
    return new Uint8Array(await crypto.subtle.decrypt(algorithm(fromBase64(record.iv), record.address), key, fromBase64(record.sealed)))
  } catch {
    throw new WrongPassphrase('That passphrase does not open your signing key.')
  }
}
