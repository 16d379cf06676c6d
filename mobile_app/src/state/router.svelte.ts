/** Addresses after the hash: they need nothing from the server, and the back button works. */

function read(): string {
  const path = window.location.hash.replace(/^#/, '')
  return path.startsWith('/') ? path : '/'
}

export const route = $state({ path: read() })

window.addEventListener('hashchange', () => {
  route.path = read()
  window.scrollTo(0, 0)
})

/** Goes to a screen; `replace` leaves no step for the back button. */
export function go(path: string, replace = false): void {
  if (replace) {
    window.history.replaceState(null, '', `#${path}`)
    route.path = read()
  } else {
    window.location.hash = path
  }
}

/** The parts of the present address: `/orders/7` → `["orders", "7"]`. */
export function parts(): string[] {
  return route.path.split('?')[0]!.split('/').filter(Boolean).map(safeDecode)
}

function safeDecode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
