/** Who is signed in. The token lives in memory and in this browser's storage until it ends. */
import * as api from '../api'
import { onSignedOut, useToken } from '../api/client'
import type { Account } from '../api/types'

interface Stored {
  token: string
  until: number
  account: Account
}

const KEY = 'lso.session'

export const session = $state<{ account: Account | null; notice: string }>({ account: null, notice: '' })

let stored: Stored | null = null

function keep(next: Stored | null): void {
  stored = next
  session.account = next?.account ?? null
  useToken(next?.token ?? null)
  if (next) localStorage.setItem(KEY, JSON.stringify(next))
  else localStorage.removeItem(KEY)
}

/** Takes up the session of an earlier visit, if it is still good. */
export function resume(): void {
  onSignedOut(() => {
    keep(null)
    session.notice = 'Your session has ended. Please sign in again.'
  })
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? 'null') as Stored | null
    keep(found && found.until > Date.now() && found.account?.id ? found : null)
  } catch {
    keep(null)
  }
}

/** Signs in with e-mail and password; throws ApiProblem. */
export async function signIn(email: string, password: string): Promise<Account> {
  const token = await api.signIn(email, password)
  keep({ token: token.access_token, until: Date.now() + token.expires_in * 1000, account: token.account })
  session.notice = ''
  return token.account
}

/** Ends the session here at once, then on the server; the locked signing key stays on the device. */
export async function signOut(): Promise<void> {
  const token = stored?.token
  keep(null)
  session.notice = ''
  if (token) await api.signOut(token).catch(() => undefined)
}

/** Puts a fresh copy of the account in place. */
export function setAccount(account: Account): void {
  if (stored) keep({ ...stored, account })
}
