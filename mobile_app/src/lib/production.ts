/** Production as a person follows it: one line for each operation, from the order's own events. */
import type { TimelineItem } from '../api/types'
import { capital } from './format'

export interface Operation {
  name: string
  step: string
  done: number
  of: number
  finished: boolean
  by: TimelineItem['reported_by']
}

/** The newest state of each operation, in the order in which they began. A title reads “Covers: drilling”. */
export function operations(items: TimelineItem[]): Operation[] {
  const found = new Map<string, Operation>()
  for (const item of [...items].sort((a, b) => a.id - b.id)) {
    if (!item.progress) continue
    const [name = '', step = ''] = item.title.split(': ')
    const { done, of } = item.progress
    const finished = of > 0 && done >= of
    found.set(name, { name, step: finished ? 'Finished' : capital(step), done, of, finished, by: item.reported_by })
  }
  return [...found.values()]
}
