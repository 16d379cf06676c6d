/** One order as it happens: its timeline arrives by stream, and each event brings the order up to date. */
import * as api from '../api'
import { authorisation } from '../api/client'
import { ApiProblem, sentence } from '../api/problem'
import { follow } from '../api/sse'
import type { Order, TimelineItem } from '../api/types'
import { readAbout, refreshInbox } from './inbox.svelte'

// Events of one moment come together: read the order once for all of them.
const SETTLE_MS = 150

export class OrderFeed {
  order = $state<Order | null>(null)
  items = $state<TimelineItem[]>([])
  live = $state(false)
  error = $state('')
  private stopStream: (() => void) | null = null
  private timer: ReturnType<typeof setTimeout> | undefined
  private ended = false

  constructor(private readonly id: string) {}

  start = async (): Promise<void> => {
    this.error = ''
    try {
      const [order, timeline] = await Promise.all([api.order(this.id), api.timeline(this.id)])
      this.order = order
      this.items = timeline.items
      if (!this.ended) this.stream()
    } catch (reason) {
      this.error = reason instanceof ApiProblem && reason.status === 404 ? 'We could not find this order.' : sentence(reason)
    }
  }

  stop(): void {
    this.ended = true
    clearTimeout(this.timer)
    this.stopStream?.()
  }

  /** Reads the order again; a failure leaves what is shown. */
  refresh = async (): Promise<void> => {
    this.order = await api.order(this.id).catch(() => this.order)
  }

  /** Puts the answer of an action in place. */
  set(order: Order): void {
    this.order = order
  }

  private stream(): void {
    this.stopStream?.()
    const lastId = this.items.reduce((last, item) => Math.max(last, item.id), 0)
    this.stopStream = follow({
      url: `/v1/orders/${encodeURIComponent(this.id)}/events`,
      headers: authorisation,
      lastId: lastId ? String(lastId) : '',
      onLive: (live) => {
        // Whatever was missed while the line was down shows in the order itself.
        if (live && !this.live) this.soon()
        this.live = live
      },
      onEvent: (event) => this.take(event.data),
    })
  }

  private take(data: string): void {
    let item: TimelineItem
    try {
      item = JSON.parse(data) as TimelineItem
    } catch {
      return
    }
    if (typeof item.id !== 'number') return
    if (!this.items.some((known) => known.id === item.id)) this.items = [...this.items, item]
    this.soon()
  }

  /** Whoever watches the order has read what the inbox says about it. */
  private async read(): Promise<void> {
    await refreshInbox().catch(() => undefined)
    if (!this.ended && document.visibilityState === 'visible') readAbout(this.id)
  }

  private soon(): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      void this.refresh()
      void this.read()
    }, SETTLE_MS)
  }
}
