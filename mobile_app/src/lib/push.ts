/** Messages when the app is closed (Web Push). Nothing is asked before the person turns it on. */
import * as api from '../api'

const KEY = 'lso.push'

export function pushSupported(): boolean {
  return 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window
}

export function pushOn(): boolean {
  return Boolean(localStorage.getItem(KEY)) && pushSupported() && Notification.permission === 'granted'
}

function keyBytes(text: string): Uint8Array<ArrayBuffer> {
  const base64 = text.replace(/-/g, '+').replace(/_/g, '/')
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
}

/** Asks for permission and subscribes; throws with a sentence for the screen. */
export async function turnPushOn(): Promise<void> {
  if ((await Notification.requestPermission()) !== 'granted') {
    throw new Error('Notifications are blocked for this app. You can allow them in your browser’s settings.')
  }
  const registration = await navigator.serviceWorker.getRegistration()
  if (!registration) throw new Error('Notifications work once the app has finished installing. Reload and try again.')
  const { vapid_public_key } = await api.pushKey()
  const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: keyBytes(vapid_public_key) })
  const { endpoint, keys } = subscription.toJSON()
  const { id } = await api.subscribePush(endpoint ?? '', keys?.['p256dh'] ?? '', keys?.['auth'] ?? '')
  localStorage.setItem(KEY, id)
}

/** Ends the subscription here and on the server. */
export async function turnPushOff(): Promise<void> {
  const id = localStorage.getItem(KEY)
  localStorage.removeItem(KEY)
  const registration = await navigator.serviceWorker.getRegistration()
  await (await registration?.pushManager.getSubscription())?.unsubscribe()
  if (id) await api.unsubscribePush(id)
}
