// Keeps the shell for a start without a connection, and shows push messages. API answers are never kept.
const SHELL = 'lso-shell-v1'

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches.open(SHELL).then((cache) => cache.addAll(['./', 'manifest.webmanifest', 'icon.svg'])).then(() => self.skipWaiting()),
  )
})

self.addEventListener('activate', (event) => {
  const old = (names) => names.filter((name) => name.startsWith('lso-shell-') && name !== SHELL)
  event.waitUntil(
    caches.keys().then((names) => Promise.all(old(names).map((name) => caches.delete(name)))).then(() => self.clients.claim()),
  )
})

async function keep(request, response) {
  if (response.ok && response.type === 'basic') await (await caches.open(SHELL)).put(request, response.clone())
  return response
}

// The page itself: network first, so a new version shows at once. Built files carry a hash in the name: cache first.
self.addEventListener('fetch', (event) => {
  const { request } = event
  const url = new URL(request.url)
  const scope = new URL(self.registration.scope)
  if (request.method !== 'GET' || url.origin !== scope.origin) return
  if (request.mode === 'navigate' && url.pathname === scope.pathname) {
    event.respondWith(fetch(request).then((r) => keep('./', r)).catch(() => caches.match('./')))
  } else if (url.pathname.startsWith(`${scope.pathname}assets/`)) {
    event.respondWith(caches.match(request).then((hit) => hit ?? fetch(request).then((r) => keep(request, r))))
  }
})

self.addEventListener('push', (event) => {
  let message = {}
  try {
    message = event.data?.json() ?? {}
  } catch {
    message = { body: event.data?.text() }
  }
  const data = { order_id: message.order_id ?? message.data?.order_id ?? null }
  event.waitUntil(
    self.registration.showNotification(message.title ?? 'Lot Size One', {
      body: message.body ?? '', icon: 'icon.svg', tag: data.order_id ?? undefined, data,
    }),
  )
})

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  const order = event.notification.data?.order_id
  const target = `${self.registration.scope}#/${order ? `orders/${encodeURIComponent(order)}` : 'inbox'}`
  event.waitUntil(
    self.clients.matchAll({ type: 'window' }).then((open) => {
      const [first] = open
      return first ? first.navigate(target).then((client) => client?.focus()) : self.clients.openWindow(target)
    }),
  )
})
