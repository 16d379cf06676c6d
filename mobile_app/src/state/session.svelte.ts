/** Who is signed in. The token lives in memory and in this browser's storage until it ends. */
import * as api from '../api'
import { onSignedOut, useToken } from '../api/client'
import type { Account, Joined } from '../api/types'

interface Stored {
  token: string
  until: number
  account: Account
  /** Nobody signed in: a link let this person in, to sign and to nothing else. */
  loginFree?: boolean
  /** The beginning of the link by which the person came. */
  via?: string
}

const KEY = 'lso.session'

interface Session {
  account: Account | null
  loginFree: boolean
  via: string
  notice: string
}

export const session = $state<Session>({ account: null, loginFree: false, via: '', notice: '' })

let stored: Stored | null = null

function keep(next: Stored | null): void {
  stored = next
  session.account = next?.account ?? null
  session.loginFree = next?.loginFree ?? false
  session.via = next?.via ?? ''
  useToken(next?.token ?? null)
  if (next) localStorage.setItem(KEY, JSON.stringify(next))
  else localStorage.removeItem(KEY)
}

/** Takes up the session of an earlier visit, if it is still good. */
export function resume(): void {
  onSignedOut(() => {
    const wasLoginFree = session.loginFree
    keep(null)
    session.notice = wasLoginFree
      ? 'Your visit has ended. Ask the manufacturer for a new link.'
      : 'Your session has ended. Please sign in again.'
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

/** Takes up the session that an invitation's link opened. */
export function enter(joined: Joined, via: string): void {
  keep({
    token: joined.access_token, until: Date.now() + joined.expires_in * 1000, account: joined.account, loginFree: joined.login_free, via,
  })
  session.notice = ''
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
