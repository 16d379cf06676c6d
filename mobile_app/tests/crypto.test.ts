import { secp256k1 } from '@noble/curves/secp256k1.js'
import { expect, test } from 'vitest'
import { concatBytes, fromHex, toHex } from '../src/crypto/bytes'
import { typedDataDigest, type TypedData } from '../src/crypto/eip712'
import { BackupError, exportKeystore, importKeystore } from '../src/crypto/keystore'
import { addressOf, createKey, handoverHash, handoverSecret, signTypedData } from '../src/crypto/signing'
import { seal, unseal, WrongPassphrase } from '../src/crypto/vault'
import golden from './eth_account.json'

const key = fromHex(golden.key)
const documents = golden.documents as unknown as { name: string; digest: string; data: TypedData }[]
const terms = documents[0]!.data

test.each(documents)('the digest of $name is the one eth-account gives', ({ digest, data }) => {
  expect(toHex(typedDataDigest(data))).toBe(digest)
})

test('a changed amount gives another digest', () => {
  const other = { ...terms, message: { ...terms.message, amount: 600000001 } }
  expect(toHex(typedDataDigest(other))).not.toBe(documents[0]!.digest)
})

test.each([
  ['a number that lost digits', { milestones: 2 ** 60 }],
  ['a number past its type', { kind: 256 }],
  ['a negative unsigned', { kind: -1 }],
  ['a fraction', { amount: 1.5 }],
  ['short bytes', { salt: '0x00' }],
  ['a bad address', { payer: '0x12' }],
  ['nothing at all', { salt: undefined }],
])('%s is refused', (_, change) => {
  expect(() => typedDataDigest({ ...terms, message: { ...terms.message, ...change } })).toThrow()
})

test('a signature recovers to the key it was made with', () => {
  const signature = fromHex(signTypedData(key, terms))
  expect(signature.length).toBe(65)
  const recovered = concatBytes(Uint8Array.of(signature[64]! - 27), signature.slice(0, 64))
  const point = secp256k1.Signature.fromBytes(recovered, 'recovered').recoverPublicKey(typedDataDigest(terms))
  expect(toHex(point.toBytes(true))).toBe(toHex(secp256k1.getPublicKey(key, true)))
})

test('the address has the checksum eth-account writes', () => {
  expect(addressOf(key)).toBe(golden.address)
})

test.each(golden.keystores)('a backup written by eth-account opens ($crypto.kdf)', async (keystore) => {
  expect(toHex(await importKeystore(JSON.stringify(keystore), golden.password))).toBe(golden.key)
  await expect(importKeystore(JSON.stringify(keystore), 'wrong')).rejects.toThrow(BackupError)
})

test('our own backup opens again', async () => {
  const fresh = createKey()
  expect(toHex(await importKeystore(await exportKeystore(fresh, 'a password'), 'a password'))).toBe(toHex(fresh))
})

test('other files are refused as backups', async () => {
  for (const text of ['', '{}', '[]', '{"version":3}', '{"version":3,"crypto":{"cipher":"aes-256-gcm"}}', 'null']) {
    await expect(importKeystore(text, 'x')).rejects.toThrow(BackupError)
  }
})

test('the stored key opens with its passphrase only', async () => {
  const record = await seal(key, 'correct horse')
  expect(JSON.stringify(record)).not.toContain(golden.key.slice(2))
  expect(toHex(await unseal(record, 'correct horse'))).toBe(golden.key)
  await expect(unseal(record, 'correct hors')).rejects.toThrow(WrongPassphrase)
  await expect(unseal({ ...record, address: '0x00' }, 'correct horse')).rejects.toThrow(WrongPassphrase)
})

test('a handover code belongs to one order', () => {
  const secret = handoverSecret(key, 'a')
  expect(fromHex(secret).length).toBe(32)
  expect(handoverSecret(key, 'b')).not.toBe(secret)
  expect(handoverHash(secret)).not.toBe(secret)
})
