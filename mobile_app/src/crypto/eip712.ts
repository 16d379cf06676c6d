/** EIP-712 typed data: the digest a person approves. Strict: a value that does not fit its type is refused. */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { concatBytes, fromHex, utf8ToBytes } from './bytes'

export interface TypedField {
  name: string
  type: string
}

export interface TypedData {
  types: Record<string, TypedField[]>
  primaryType: string
  domain: Record<string, unknown>
  message: Record<string, unknown>
}

/** The typed data cannot be encoded: nothing was signed. */
export class TypedDataError extends Error {}

const DOMAIN_FIELDS: TypedField[] = [
  { name: 'name', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'chainId', type: 'uint256' },
  { name: 'verifyingContract', type: 'address' },
  { name: 'salt', type: 'bytes32' },
]
const ARRAY = /^(.*)\[(\d*)\]$/

function coreType(type: string): string {
  return type.replace(/(\[\d*\])+$/, '')
}

function dependencies(type: string, types: TypedData['types'], found: Set<string> = new Set()): Set<string> {
  const core = coreType(type)
  const fields = Object.hasOwn(types, core) ? types[core] : undefined
  if (found.has(core) || !fields) return found
  found.add(core)
  for (const field of fields) dependencies(field.type, types, found)
  return found
}

/** `encodeType`: the struct, then the structs it mentions in alphabetical order. */
export function encodeType(primary: string, types: TypedData['types']): string {
  const others = [...dependencies(primary, types)].filter((name) => name !== primary).sort()
  return [primary, ...others]
    .map((name) => `${name}(${(types[name] ?? []).map((field) => `${field.type} ${field.name}`).join(',')})`)
    .join('')
}

/** An integer from a JSON number, a decimal text or a 0x text. Numbers past 2^53 have lost digits and are refused. */
export function toInteger(value: unknown): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  if (typeof value === 'string' && /^(-?\d+|0x[0-9a-f]+)$/i.test(value)) return BigInt(value)
  throw new TypedDataError('A whole number was expected.')
}

function encodeInteger(type: string, value: unknown): Uint8Array {
  const signed = type.startsWith('int')
  const bits = BigInt(type.slice(signed ? 3 : 4) || '256')
  const number = toInteger(value)
  const low = signed ? -(1n << (bits - 1n)) : 0n
  const high = signed ? (1n << (bits - 1n)) - 1n : (1n << bits) - 1n
  if (number < low || number > high) throw new TypedDataError(`A number does not fit ${type}.`)
  return fromHex(BigInt.asUintN(256, number).toString(16).padStart(64, '0'))
}

function hexBytes(value: unknown, length: number | null): Uint8Array {
  if (typeof value !== 'string' || !/^0x([0-9a-f]{2})*$/i.test(value)) throw new TypedDataError('Hex was expected.')
  const bytes = fromHex(value)
  if (length !== null && bytes.length !== length) throw new TypedDataError(`${length} bytes were expected.`)
  return bytes
}

function padded(bytes: Uint8Array, right: boolean): Uint8Array {
  const word = new Uint8Array(32)
  word.set(bytes, right ? 0 : 32 - bytes.length)
  return word
}

function encodeArray(inner: string, length: string, value: unknown, types: TypedData['types']): Uint8Array {
  if (!Array.isArray(value)) throw new TypedDataError('A list was expected.')
  if (length !== '' && value.length !== Number(length)) throw new TypedDataError('A list has the wrong length.')
  return keccak_256(concatBytes(...value.map((item) => encodeValue(inner, item, types))))
}

/** One 32-byte word for one value (`encodeData` of the standard). */
function encodeValue(type: string, value: unknown, types: TypedData['types']): Uint8Array {
  const array = ARRAY.exec(type)
  if (array) return encodeArray(array[1] ?? '', array[2] ?? '', value, types)
  if (Object.hasOwn(types, type)) return hashStruct(type, value, types)
  if (type === 'string') {
    if (typeof value !== 'string') throw new TypedDataError('A text was expected.')
    return keccak_256(utf8ToBytes(value))
  }
  if (type === 'bytes') return keccak_256(hexBytes(value, null))
  if (type === 'bool') {
    if (typeof value !== 'boolean') throw new TypedDataError('Yes or no was expected.')
    return padded(Uint8Array.of(value ? 1 : 0), false)
  }
  if (type === 'address') return padded(hexBytes(value, 20), false)
  const fixed = /^bytes(\d+)$/.exec(type)
  if (fixed) return padded(hexBytes(value, Number(fixed[1])), true)
  if (/^u?int\d*$/.test(type)) return encodeInteger(type, value)
  throw new TypedDataError(`The type ${type} is not known.`)
}

/** `hashStruct`: keccak of the type hash and every field's word. */
export function hashStruct(type: string, value: unknown, types: TypedData['types']): Uint8Array {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypedDataError(`${type} was expected.`)
  const record = value as Record<string, unknown>
  const words = (types[type] ?? []).map((field) => {
    if (!Object.hasOwn(record, field.name)) throw new TypedDataError(`${field.name} is missing.`)
    return encodeValue(field.type, record[field.name], types)
  })
  return keccak_256(concatBytes(keccak_256(utf8ToBytes(encodeType(type, types))), ...words))
}

/** keccak256(0x1901 ‖ domain ‖ message): the 32 bytes that are signed. */
export function typedDataDigest(data: TypedData): Uint8Array {
  const unknownKey = Object.keys(data.domain).find((key) => !DOMAIN_FIELDS.some((field) => field.name === key))
  if (unknownKey) throw new TypedDataError('The domain has an unknown part.')
  const domainType = data.types['EIP712Domain'] ?? DOMAIN_FIELDS.filter((field) => Object.hasOwn(data.domain, field.name))
  if (!data.types[data.primaryType]) throw new TypedDataError('The primary type is missing.')
  const domain = hashStruct('EIP712Domain', data.domain, { ...data.types, EIP712Domain: domainType })
  return keccak_256(concatBytes(Uint8Array.of(0x19, 0x01), domain, hashStruct(data.primaryType, data.message, data.types)))
}
