/** Runs `action` now, each `everyMs` while the app is in front, and when it comes back to the front. */
export function poll(action: () => Promise<unknown>, everyMs: number): () => void {
  let busy = false
  const run = async (): Promise<void> => {
    if (busy || document.visibilityState === 'hidden') return
    busy = true
    await action().catch(() => undefined)
    busy = false
  }
  const timer = setInterval(() => void run(), everyMs)
  const seen = (): void => void run()
  document.addEventListener('visibilitychange', seen)
  void run()
  return () => {
    clearInterval(timer)
    document.removeEventListener('visibilitychange', seen)
  }
}
