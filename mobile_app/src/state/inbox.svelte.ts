/** The messages and how many are unread, shared by the badge and the inbox screen. */
import * as api from '../api'
import type { InboxItem } from '../api/types'

export const inbox = $state<{ items: InboxItem[] | null; unread: number }>({ items: null, unread: 0 })

/** Reads the inbox again; a failure leaves what is shown. */
export async function refreshInbox(): Promise<void> {
  const found = await api.inbox()
  inbox.items = found.items
  inbox.unread = found.unread
}

/** Marks one message read, on the screen first. */
export async function markRead(item: InboxItem): Promise<void> {
  if (item.read) return
  item.read = true
  inbox.unread = Math.max(0, inbox.unread - 1)
  await api.markRead(item.id).catch(() => undefined)
}

/** Marks every message about one order read. */
export function readAbout(orderId: string): void {
  for (const item of inbox.items ?? []) if (item.order_id === orderId) void markRead(item)
}

/** Empties what is shown, for the next person to sign in. */
export function clearInbox(): void {
  inbox.items = null
  inbox.unread = 0
}
