/** Money, dates and states as people read them. */

/** Cents as "€ 1,234.50"; the same in every locale, as in the agreement's own text. */
export function money(minor: number, currency = 'EUR'): string {
  const sign = minor < 0 ? '−' : ''
  const cents = Math.abs(minor)
  const whole = Math.floor(cents / 100).toString().replace(/\B(?=(\d{3})+$)/g, ',')
  return `${sign}${currency === 'EUR' ? '€' : currency} ${whole}.${(cents % 100).toString().padStart(2, '0')}`
}

/** Basis points as "90 %" or "0.15 %". */
export function share(bps: number): string {
  return `${Number((bps / 100).toFixed(2))} %`
}

/** Cents from what a person typed ("1,234.5", "1234,50", "€ 12"); `null` when it is not an amount. */
export function parseMoney(text: string): number | null {
  const plain = text.replace(/[€\s]/g, '')
  if (!/^\d{1,3}([.,]?\d{3})*([.,]\d{1,2})?$|^\d+([.,]\d{1,2})?$/.test(plain)) return null
  const cut = /[.,](\d{1,2})$/.exec(plain)
  const whole = (cut ? plain.slice(0, cut.index) : plain).replace(/[.,]/g, '')
  const minor = Number(whole) * 100 + Number((cut?.[1] ?? '').padEnd(2, '0'))
  return Number.isSafeInteger(minor) ? minor : null
}

const dateOnly = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' })
const dateYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' })
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const dayClock = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })

/** A calendar date ("2026-12-05") without a time zone's help. */
export function day(date: string): string {
  const parsed = new Date(`${date}T00:00:00Z`)
  if (Number.isNaN(parsed.getTime())) return date
  const far = Math.abs(parsed.getTime() - Date.now()) > 300 * 86_400_000
  return (far ? dateYear : dateOnly).format(parsed)
}

/** The last whole day before a deadline: terms end at a midnight (UTC) that belongs to the day before. */
export function lastDay(instant: string): string {
  const parsed = Date.parse(instant)
  return Number.isNaN(parsed) || !instant.includes('T') ? day(instant) : day(new Date(parsed - 1).toISOString().slice(0, 10))
}

/** An instant in the reader's zone: the hour alone when it is today. */
export function moment(instant: string): string {
  const parsed = new Date(instant)
  if (Number.isNaN(parsed.getTime())) return instant
  return parsed.toDateString() === new Date().toDateString() ? clock.format(parsed) : dayClock.format(parsed)
}

/** The calendar date `days` from today, as the API writes dates. */
export function inDays(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)
}

/** An order's short name for talking about it. */
export function shortId(id: string): string {
  return id.replace(/^0x/, '').replace(/[^a-z0-9]/gi, '').slice(-6).toUpperCase()
}

/** A hex text in groups of four, for reading aloud. */
export function grouped(hex: string): string {
  return hex.replace(/^0x/, '').replace(/(.{4})(?=.)/g, '$1 ')
}

/** A text that begins with a capital letter. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** What a price line is for: an option that its choice names already is not said twice ("Base: Base 40 mm"). */
export function lineLabel(label: string): string {
  const [option = '', ...rest] = label.split(': ')
  const choice = rest.join(': ')
  return choice.toLowerCase().split(' ').includes(option.toLowerCase()) ? choice : label
}

/** A word from a machine ("base_mm") as a person would write it ("Base mm"). */
export function humanise(word: string): string {
  return capital(word.replace(/[_-]+/g, ' ').trim())
}

/** "€ 1.00 of € 3.00" style shares, 0–100, safe for a total of zero. */
export function percent(part: number, whole: number): number {
  return whole > 0 ? Math.max(0, Math.min(100, (part / whole) * 100)) : 0
}
