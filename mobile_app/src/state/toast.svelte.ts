/** One short message at the head of the screen, where it hides no button. */
export const toast = $state<{ text: string; tone: 'good' | 'bad' }>({ text: '', tone: 'good' })

let timer: ReturnType<typeof setTimeout> | undefined

/** Shows a message for a few seconds. */
export function say(text: string, tone: 'good' | 'bad' = 'good'): void {
  toast.text = text
  toast.tone = tone
  clearTimeout(timer)
  timer = setTimeout(() => (toast.text = ''), 3_500)
}
