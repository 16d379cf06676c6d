/** Backups as Ethereum V3 keystore files (Web3 Secret Storage), which other software reads too. */
import { pbkdf2Async } from '@noble/hashes/pbkdf2.js'
import { scryptAsync } from '@noble/hashes/scrypt.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { concatBytes, fromHex, randomBytes, toHex, utf8ToBytes } from './bytes'
import { addressOf } from './signing'

/** The file is not a backup we can read, or the password is not its password. */
export class BackupError extends Error {}

// 2^15 needs 32 MiB, which a small phone has; imports may ask for up to 512 MiB.
const COST = 1 << 15
const MAX_MEMORY = 512 * 1024 * 1024
const MAX_ROUNDS = 10_000_000

interface Kdf {
  name: string
  params: Record<string, unknown>
}

function positive(params: Record<string, unknown>, name: string): number {
  const value = params[name]
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1) throw new BackupError('This backup is damaged.')
  return value
}

async function derive(password: string, kdf: Kdf): Promise<Uint8Array> {
  const secret = utf8ToBytes(password.normalize('NFKC'))
  const salt = fromHex(String(kdf.params['salt']))
  const dkLen = positive(kdf.params, 'dklen')
  if (dkLen !== 32) throw new BackupError('This backup uses an unusual key length.')
  if (kdf.name === 'scrypt') {
    const [N, r, p] = [positive(kdf.params, 'n'), positive(kdf.params, 'r'), positive(kdf.params, 'p')]
    return scryptAsync(secret, salt, { N, r, p, dkLen, maxmem: MAX_MEMORY + 1024 })
  }
  if (kdf.name === 'pbkdf2' && kdf.params['prf'] === 'hmac-sha256') {
    const c = positive(kdf.params, 'c')
    if (c > MAX_ROUNDS) throw new BackupError('This backup is damaged.')
    return pbkdf2Async(sha256, secret, salt, { c, dkLen })
  }
  throw new BackupError('This kind of backup is not supported.')
}

async function cipher(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey('raw', new Uint8Array(key), 'AES-CTR', false, ['encrypt'])
  const algorithm = { name: 'AES-CTR', counter: new Uint8Array(iv), length: 128 }
  return new Uint8Array(await crypto.subtle.encrypt(algorithm, imported, new Uint8Array(data)))
}

function uuid(): string {
  const hex = toHex(randomBytes(16)).slice(2)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`
}

/** The text of a backup file that holds `key` under `password`. */
export async function exportKeystore(key: Uint8Array, password: string): Promise<string> {
  const [salt, iv] = [randomBytes(32), randomBytes(16)]
  const kdfparams = { dklen: 32, n: COST, r: 8, p: 1, salt: toHex(salt).slice(2) }
  const derived = await derive(password, { name: 'scrypt', params: kdfparams })
  const ciphertext = await cipher(derived.slice(0, 16), iv, key)
  return JSON.stringify({
    version: 3,
    id: uuid(),
    address: addressOf(key).slice(2).toLowerCase(),
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: toHex(iv).slice(2) },
      ciphertext: toHex(ciphertext).slice(2),
      kdf: 'scrypt',
      kdfparams,
      mac: toHex(keccak_256(concatBytes(derived.slice(16, 32), ciphertext))).slice(2),
    },
  })
}

function section(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new BackupError('This is not a signing key backup.')
  return value as Record<string, unknown>
}

/** The key inside a backup file; throws BackupError for a wrong password or a file of another kind. */
export async function importKeystore(text: string, password: string): Promise<Uint8Array> {
  try {
    return await readKeystore(text, password)
  } catch (reason) {
    throw reason instanceof BackupError ? reason : new BackupError('This backup is damaged.')
  }
}

async function readKeystore(text: string, password: string): Promise<Uint8Array> {
  let file: Record<string, unknown>
  try {
    file = section(JSON.parse(text))
  } catch {
    throw new BackupError('This is not a signing key backup.')
  }
  // Files written by old clients spell it with a capital.
  const box = section(file['crypto'] ?? file['Crypto'])
  if (file['version'] !== 3 || box['cipher'] !== 'aes-128-ctr') throw new BackupError('This kind of backup is not supported.')
  const ciphertext = fromHex(String(box['ciphertext']))
  const derived = await derive(password, { name: String(box['kdf']), params: section(box['kdfparams']) })
  const mac = toHex(keccak_256(concatBytes(derived.slice(16, 32), ciphertext))).slice(2)
  if (mac !== String(box['mac']).toLowerCase().replace(/^0x/, '')) throw new BackupError('That password does not open this backup.')
  const key = await cipher(derived.slice(0, 16), fromHex(String(section(box['cipherparams'])['iv'])), ciphertext)
  if (key.length !== 32) throw new BackupError('This backup is damaged.')
  return key
}
