/** The vectors that Python and Solidity read too: what this app signs is what the agreements check. */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { describe, expect, test } from 'vitest'
import vectors from '../../tests/golden/agreement_vectors.json'
import { concatBytes, fromHex, toHex, type Hex } from '../src/crypto/bytes'
import { hashStruct, typedDataDigest, type TypedData } from '../src/crypto/eip712'
import { addressOf, handoverHash, signTypedData } from '../src/crypto/signing'

interface Signed { signer: string; digest: string; signature: string; primaryType?: string; message?: Record<string, unknown> }

const types: TypedData['types'] = vectors.types
const keys = new Map(Object.values(vectors.people).map(({ key, address }) => [address, fromHex(key)]))
const signedIn = vectors.agreements.flatMap(({ name, terms, payer, payee, actions, splits }) => [
  ...[payer, payee].map((signed) => ({ name: `${name} terms`, signed: { ...signed, primaryType: 'Terms', message: terms } as Signed })),
  ...[...actions, ...splits].map((signed, index) => ({ name: `${name} ${signed.primaryType} ${index}`, signed: signed as Signed })),
])
const everySigned = [
  ...signedIn,
  { name: 'evidence root', signed: vectors.evidence.root as Signed },
  { name: 'permit', signed: vectors.permit as Signed },
]

function document({ primaryType = '', message = {} }: Signed): TypedData {
  const domain = primaryType === 'Permit' ? vectors.permitDomain : vectors.domain
  const struct = types[primaryType] ?? []
  return { types: { [primaryType]: struct }, primaryType, domain, message }
}

/** Who signed: the address that the signature leads to. */
function recovered(digest: string, signature: string): Hex {
  const bytes = fromHex(signature)
  const marked = concatBytes(Uint8Array.of((bytes[64] ?? 0) - 27), bytes.slice(0, 64))
  const point = secp256k1.Signature.fromBytes(marked, 'recovered').recoverPublicKey(fromHex(digest))
  return toHex(keccak_256(point.toBytes(false).slice(1)).slice(-20))
}

const keccak = (...parts: Uint8Array[]): Uint8Array => keccak_256(concatBytes(...parts))

test('the file is whole', () => {
  expect(vectors.agreements.map(({ name }) => name)).toEqual(['delivery', 'supply', 'successor'])
  expect(new Set(everySigned.map(({ signed }) => signed.primaryType))).toEqual(new Set(['Terms', 'Action', 'Split', 'EvidenceRoot', 'Permit']))
  expect(new Set(vectors.agreements[0]?.actions.map(({ message }) => message.what))).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8, 9]))
})

test('a key has its address', () => {
  for (const [address, key] of keys) expect(addressOf(key)).toBe(address)
})

describe.each(everySigned)('$name', ({ signed }) => {
  const data = document(signed)

  test('has its digest', () => {
    expect(toHex(typedDataDigest(data))).toBe(signed.digest)
  })

  test('is signed as Python signs it, and by whom it says', () => {
    expect(signTypedData(keys.get(signed.signer) ?? new Uint8Array(32), data)).toBe(signed.signature)
    expect(recovered(signed.digest, signed.signature)).toBe(signed.signer.toLowerCase())
  })

  test('has another digest where a member is another', () => {
    for (const { name, type } of types[signed.primaryType ?? ''] ?? []) {
      const value = data.message[name]
      const other = typeof value === 'string' && value.startsWith('0x') ? `0x${'e'.repeat(value.length - 2)}` : type === 'uint8' ? 77 : 12345
      expect(toHex(typedDataDigest({ ...data, message: { ...data.message, [name]: other } }))).not.toBe(signed.digest)
    }
  })
})

test.each(vectors.agreements)('the $name is at the address that its id gives', ({ id, address, terms }) => {
  const implementation = terms.kind === 1 ? vectors.deliveryImplementation : vectors.supplyImplementation
  // EIP-1167 with the id behind it, made by CREATE2 with the id as salt.
  const creation = concatBytes(
    fromHex('61004d3d81600a3d39f3363d3d373d3d3d363d73'), fromHex(implementation),
    fromHex('5af43d82803e903d91602b57fd5bf3'), fromHex(id),
  )
  const made = keccak(Uint8Array.of(0xff), fromHex(vectors.factory), fromHex(id), keccak(creation))
  expect(toHex(made.slice(-20))).toBe(address.toLowerCase())
})

test('the successor names the id of what it replaces', () => {
  const [delivery, , successor] = vectors.agreements
  expect(successor?.terms.replaces).toBe(delivery?.id)
  expect(successor?.id).not.toBe(delivery?.id)
})

test('the handover code has the hash in the terms', () => {
  expect(handoverHash(vectors.handoverSecret)).toBe(vectors.agreements[0]?.terms.handover)
})

test('event, leaf, proofs and roots', () => {
  const { agreementId, specHash, eventCode, atMs, payloadHash, leaf, trees } = vectors.evidence
  const word = (value: bigint): Uint8Array => fromHex(value.toString(16).padStart(64, '0'))
  const facts = [fromHex(agreementId), fromHex(specHash), word(BigInt(eventCode)), word(BigInt(atMs)), fromHex(payloadHash)]
  expect(toHex(keccak(keccak(...facts)))).toBe(leaf)
  for (const { leaves, root, proofs } of trees) {
    expect(leaves[0]).toBe(leaf)
    proofs.forEach((proof, index) => {
      const top = proof.reduce((node, step) => {
        const pair = [node, step].sort()
        return toHex(keccak(...pair.map(fromHex)))
      }, leaves[index] ?? '')
      expect(top).toBe(root)
    })
  }
})

test('terms hash as the struct that the contracts hash', () => {
  const { terms, id } = vectors.agreements[0]!
  const domain = { ...types, EIP712Domain: [
    { name: 'name', type: 'string' }, { name: 'version', type: 'string' },
    { name: 'chainId', type: 'uint256' }, { name: 'verifyingContract', type: 'address' },
  ] }
  const digest = keccak(fromHex('0x1901'), hashStruct('EIP712Domain', vectors.domain, domain), hashStruct('Terms', terms, types))
  expect(toHex(digest)).toBe(id)
})
