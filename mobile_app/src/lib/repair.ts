/** What the configurator does with the answer to "do these choices go together?". */
import type { Configuration, ConfigurationAnswer, Repair } from '../api/types'
import { money } from './format'

/** The choices after a repair; the old ones stay as they are. */
export function repaired(configuration: Configuration, repair: Repair): Configuration {
  return { ...configuration, ...Object.fromEntries(repair.changes.map((change) => [change.option, change.after])) }
}

/** A repair in words: what changes, and what the order then costs. */
export function said(repair: Repair): string {
  const changes = repair.changes.map((change) => `${change.label}: ${change.after_label}`).join(' and ')
  return `${changes} · ${money(repair.total_minor, repair.currency)}`
}

/** Everything that is wrong, in the words of the product. */
export function complaints(answer: ConfigurationAnswer): string[] {
  return [...answer.violations, ...answer.manufacturability].map((one) => one.message)
}

/** A drawing for an <img>, where no script runs and nothing is fetched, whatever it holds. */
export function drawingUri(svg: string): string {
  return `data:image/svg+xml,${encodeURIComponent(svg)}`
}
