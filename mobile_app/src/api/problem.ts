/** A request that did not succeed, in words a person can act on (RFC 9457 on the wire). */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly fields: { field: string; message: string }[] = [],
  ) {
    super(message)
  }

  /** The message for one field of the form; the API may name it with its path (`configuration.amount`). */
  forField(name: string): string | undefined {
    const message = this.fields.find(({ field }) => field === name || field.split('.').pop() === name)?.message
    return message && message.charAt(0).toUpperCase() + message.slice(1)
  }
}

/** The phone has no connection, or the answer took too long. */
export class Offline extends ApiProblem {
  constructor() {
    super(0, 'We could not reach the marketplace. Check your connection and try again.')
  }
}

const PLAIN: Record<number, string> = {
  401: 'Please sign in again.',
  403: 'Your account may not do this.',
  404: 'We could not find that.',
  409: 'This changed in the meantime. Have a look and try again.',
  429: 'Too many attempts. Please wait a moment.',
}

/** The problem an answer carries, whatever its body looks like. */
export function toProblem(status: number, body: unknown): ApiProblem {
  const record = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const errors = Array.isArray(record['errors']) ? record['errors'] : []
  const fields = errors
    .filter((item): item is { field: string; message: string } => typeof item?.field === 'string' && typeof item?.message === 'string')
  const detail = typeof record['detail'] === 'string' ? record['detail'] : ''
  return new ApiProblem(status, detail || PLAIN[status] || 'Something went wrong on our side. Please try again.', fields)
}

/** Any error as a sentence for the screen. */
export function sentence(error: unknown): string {
  return error instanceof Error && error.message ? error.message : 'Something went wrong. Please try again.'
}
