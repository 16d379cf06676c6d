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

/** A title reads “Covers: drilling”; where a step has the operation's own name, it is the step that ends it. */
function split(title: string): [string, string] {
  const [name = '', step = ''] = title.split(': ')
  return [name, step.toLowerCase() === name.toLowerCase() ? 'finished' : step]
}

/** The title of an event as people read it. */
export function titleOf({ name, title }: TimelineItem): string {
  return name === 'ProductionProgressed' ? split(title).join(': ') : title
}

/** The newest state of each operation, in the order in which they began. */
export function operations(items: TimelineItem[]): Operation[] {
  const found = new Map<string, Operation>()
  for (const item of [...items].sort((a, b) => a.id - b.id)) {
    if (!item.progress) continue
    const [name, step] = split(item.title)
    const { done, of } = item.progress
    const finished = of > 0 && done >= of
    found.set(name, { name, step: finished ? 'Finished' : capital(step), done, of, finished, by: item.reported_by })
  }
  return [...found.values()]
}
