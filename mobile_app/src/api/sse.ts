/** Server-sent events read by `fetch`, because `EventSource` cannot send a bearer token. */

export interface ServerEvent {
  id: string
  event: string
  data: string
}

/** Feeds on text chunks cut anywhere; gives the events that are complete. */
export class EventParser {
  private rest = ''

  push(chunk: string): ServerEvent[] {
    this.rest = (this.rest + chunk).replace(/\r\n|\r(?!$)/g, '\n')
    const blocks = this.rest.split('\n\n')
    this.rest = blocks.pop() ?? ''
    return blocks.map(parseBlock).filter((event) => event.data !== '')
  }
}

function parseBlock(block: string): ServerEvent {
  const event: ServerEvent = { id: '', event: 'message', data: '' }
  const data: string[] = []
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':')
    if (colon === 0) continue
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'data') data.push(value)
    else if (name === 'id') event.id = value
    else if (name === 'event') event.event = value
  }
  return { ...event, data: data.join('\n') }
}

export interface StreamOptions {
  url: string
  headers: () => Record<string, string>
  lastId: string
  onEvent: (event: ServerEvent) => void
  onLive: (live: boolean) => void
}

// The server's heartbeat comes each 15 s: three missed ones mean that the line is dead.
const SILENCE_MS = 45_000
const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000]

async function readOnce(options: StreamOptions, state: { lastId: string; tries: number }, stop: AbortSignal): Promise<void> {
  const dead = new AbortController()
  const relay = (): void => dead.abort()
  stop.addEventListener('abort', relay)
  let timer = setTimeout(relay, SILENCE_MS)
  try {
    const headers = { ...options.headers(), Accept: 'text/event-stream', ...(state.lastId ? { 'Last-Event-ID': state.lastId } : {}) }
    const response = await fetch(options.url, { headers, signal: dead.signal, cache: 'no-store' })
    if (!response.ok || !response.body) throw new Error(`The stream answered ${response.status}.`)
    options.onLive(true)
    state.tries = 0
    const parser = new EventParser()
    const decoder = new TextDecoder()
    const reader = response.body.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      clearTimeout(timer)
      timer = setTimeout(relay, SILENCE_MS)
      for (const event of parser.push(decoder.decode(value, { stream: true }))) {
        if (event.id) state.lastId = event.id
        options.onEvent(event)
      }
    }
  } finally {
    clearTimeout(timer)
    stop.removeEventListener('abort', relay)
  }
}

/** Follows a stream, coming back after each break from the last event seen; call the result to stop. */
export function follow(options: StreamOptions): () => void {
  const stop = new AbortController()
  const state = { lastId: options.lastId, tries: 0 }
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await readOnce(options, state, stop.signal).catch(() => undefined)
      if (stop.signal.aborted) return
      options.onLive(false)
      const wait = RETRY_MS[Math.min(state.tries, RETRY_MS.length - 1)]
      state.tries += 1
      await new Promise((resolve) => setTimeout(resolve, wait))
    }
  }
  void run()
  return () => stop.abort()
}
