/** The signing key itself: making one, its address, signatures, and the handover code it derives. */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { concatBytes, fromHex, randomBytes, toHex, utf8ToBytes, type Hex } from './bytes'
import { typedDataDigest, type TypedData } from './eip712'

/** A new 32-byte private key. */
export function createKey(): Uint8Array {
  for (;;) {
    const key = randomBytes(32)
    if (secp256k1.utils.isValidSecretKey(key)) return key
  }
}

/** The address of a key, with the EIP-55 mixed-case checksum. */
export function addressOf(key: Uint8Array): Hex {
  const point = secp256k1.getPublicKey(key, false)
  const plain = toHex(keccak_256(point.slice(1)).slice(-20)).slice(2)
  const hash = toHex(keccak_256(utf8ToBytes(plain))).slice(2)
  return `0x${[...plain].map((char, i) => (parseInt(hash[i] ?? '0', 16) >= 8 ? char.toUpperCase() : char)).join('')}`
}

/** A 65-byte signature r ‖ s ‖ v (v is 27 or 28) over typed data. */
export function signTypedData(key: Uint8Array, data: TypedData): Hex {
  const signature = secp256k1.sign(typedDataDigest(data), key, { prehash: false, format: 'recovered' })
  return toHex(concatBytes(signature.slice(1), Uint8Array.of(27 + (signature[0] ?? 0))))
}

/** The secret behind an order's handover code: only this key and this order give it. */
export function handoverSecret(key: Uint8Array, clientReference: string): Hex {
  return toHex(keccak_256(concatBytes(key, utf8ToBytes(`lso-handover:${clientReference}`))))
}

/** What the agreement keeps of the handover code. */
export function handoverHash(secret: string): Hex {
  return toHex(keccak_256(fromHex(secret)))
}

/** The proof that whoever names an address also holds its key. */
export function keyProof(account: string, signer: string): TypedData {
  return {
    domain: { name: 'LotSizeOne', version: '1' },
    primaryType: 'KeyProof',
    types: { KeyProof: [{ name: 'account', type: 'string' }, { name: 'signer', type: 'address' }] },
    message: { account, signer },
  }
}
