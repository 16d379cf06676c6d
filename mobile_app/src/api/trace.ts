/** Where a trace begins: on the phone. */

/** The beginning of a trace: what a request sets off can be followed from here to the chain (W3C Trace Context). */
export function traceparent(): string {
  const hex = (length: number) =>
    [...crypto.getRandomValues(new Uint8Array(length))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return `00-${hex(16)}-${hex(8)}-01`
}
