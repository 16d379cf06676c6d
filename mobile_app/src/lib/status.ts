/** The states of an order in plain words, and the way it travels. */
import type { Order, OrderStatus, Role } from '../api/types'

export type Tone = 'calm' | 'active' | 'attention' | 'good' | 'bad'

const NAMES: Record<OrderStatus, [string, Tone]> = {
  placed: ['Placed', 'calm'],
  matched: ['Suppliers found', 'calm'],
  accepted: ['Accepted', 'calm'],
  sourcing: ['Gathering signatures', 'active'],
  quoted: ['Price is ready', 'attention'],
  confirmed: ['Confirmed', 'active'],
  contracted: ['Agreements open', 'active'],
  in_production: ['In production', 'active'],
  produced: ['Made', 'active'],
  shipped: ['On its way', 'active'],
  delivered: ['Delivered', 'good'],
  settled: ['Complete', 'good'],
  rejected: ['Not accepted', 'bad'],
  expired: ['Expired', 'bad'],
  cancelled: ['Cancelled', 'bad'],
  changed: ['Changed', 'calm'],
  disputed: ['In dispute', 'attention'],
  refunded: ['Refunded', 'bad'],
}

const NEXT: Record<string, string> = {
  confirm: 'Your approval',
  accept_delivery: 'Check and accept',
  decide: 'Needs your decision',
  sign: 'Needs your signature',
  ship: 'Ready to ship',
  show_handover_code: 'Show your handover code',
}

/** The chip for an order: what the reader must do comes first, else the state. */
export function chip(order: Order): { label: string; tone: Tone } {
  const next = order.next_action?.action
  if (next && next !== 'show_handover_code') return { label: NEXT[next] ?? next, tone: 'attention' }
  return stateChip(order)
}

const DISPUTED: Partial<Record<NonNullable<Order['dispute']>, [string, Tone]>> = {
  sent: ['In dispute', 'attention'],
  open: ['In dispute', 'attention'],
  decided: ['Decided', 'good'],
}

/** The chip for an order's state; a dispute is what matters about a delivery. */
export function stateChip(order: Order): { label: string; tone: Tone } {
  const [label, tone] = (!isOver(order) && order.dispute && DISPUTED[order.dispute]) || NAMES[order.status] || [order.status, 'calm']
  return { label, tone }
}

/** What the customer is told where nobody has to do anything. */
export const AT_REST: Partial<Record<OrderStatus, string>> = {
  in_production: 'It is being made. You can close the app: we write to you.',
  produced: 'Everything is made. The manufacturer ships it next.',
  settled: 'Delivered, accepted and paid. Nothing is left to do.',
}

/** What the others wait for while the customer is asked to do something. */
export const CUSTOMERS_TURN: Partial<Record<OrderStatus, string>> = {
  quoted: 'The customer has the firm price and decides.',
  shipped: 'It counts as delivered once the customer’s handover code is scanned.',
  delivered: 'The customer checks the goods and accepts them.',
}

/** A sentence that speaks to the customer, for somebody else. */
export function aboutCustomer(text: string): string {
  return text.replace(/^You\b/, 'The customer').replace(/\bby you$/, 'by the customer').replace(/\byour handover code\b/, 'the handover code')
}

const ROAD: { label: string; statuses: OrderStatus[] }[] = [
  { label: 'Placed', statuses: ['placed', 'matched', 'accepted'] },
  { label: 'Price', statuses: ['sourcing', 'quoted'] },
  { label: 'Agreed', statuses: ['confirmed', 'contracted'] },
  { label: 'Making', statuses: ['in_production', 'produced'] },
  { label: 'Shipped', statuses: ['shipped'] },
  { label: 'Delivered', statuses: ['delivered', 'settled'] },
]

/** The steps of the road and which one the order is at; `null` once it has left the road. */
export function road(status: OrderStatus): { labels: string[]; at: number } | null {
  const at = ROAD.findIndex((step) => step.statuses.includes(status))
  return at < 0 ? null : { labels: ROAD.map((step) => step.label), at: status === 'settled' ? ROAD.length : at }
}

const OVER: OrderStatus[] = ['settled', 'rejected', 'expired', 'cancelled', 'refunded']

/** Nothing more will happen to it. */
export function isOver(order: Order): boolean {
  return OVER.includes(order.status)
}

/** Waits for the reader. */
export function needsMe(order: Order): boolean {
  return Boolean(order.next_action?.action)
}

/** The screen each role lands on. */
export function home(role: Role): string {
  return role === 'customer' ? '/products' : role === 'supplier' ? '/sign' : '/orders'
}
