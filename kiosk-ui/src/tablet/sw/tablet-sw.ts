// The tablet's service worker: the page loads without network, from exactly the
// files of one build. A network that answers with something else (a captive
// portal's 200) cannot get into the cache: every file is checked by its hash.
// A new build waits until the page, idle, asks for it.

interface PrecacheEntry {
  url: string
  revision: string | null
  integrity: string
}

interface WorkerEvent extends Event {
  waitUntil(work: Promise<unknown>): void
}

interface WorkerFetchEvent extends WorkerEvent {
  readonly request: Request
  respondWith(answer: Promise<Response>): void
}

interface WorkerScope {
  __WB_MANIFEST: PrecacheEntry[]
  readonly location: Location
  readonly clients: { claim(): Promise<void> }
  skipWaiting(): Promise<void>
  addEventListener(type: 'install' | 'activate', listener: (event: WorkerEvent) => void): void
  addEventListener(type: 'fetch', listener: (event: WorkerFetchEvent) => void): void
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void
}

declare const self: WorkerScope

const PREFIX = 'qingfeng-tablet-'
const PAGE = '/tablet'
const entries = self.__WB_MANIFEST
const paths = new Set(entries.map((entry) => entry.url))

/** One cache per build, named after the hashes of its files. */
function cacheName(): string {
  let h = 0x811c9dc5
  for (const c of entries.map((entry) => entry.url + entry.integrity).join('|')) {
    h = Math.imul(h ^ (c.codePointAt(0) ?? 0), 0x01000193) >>> 0
  }
  return PREFIX + h.toString(16)
}

async function fill(): Promise<void> {
  const cache = await caches.open(cacheName())
  await Promise.all(
    entries.map(async ({ url, integrity }) => {
      const answer = await fetch(url, { integrity, cache: 'reload', redirect: 'error', credentials: 'same-origin' })
      if (!answer.ok) throw new Error(`precache ${url}: status ${answer.status}`)
      await cache.put(url, answer)
    }),
  )
}

async function dropOthers(): Promise<void> {
  const mine = cacheName()
  const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== mine)
  await Promise.all(old.map((name) => caches.delete(name)))
  await self.clients.claim()
}

async function fromCache(path: string, request: Request): Promise<Response> {
  const kept = await (await caches.open(cacheName())).match(path)
  return kept ?? fetch(request)
}

self.addEventListener('install', (event) => event.waitUntil(fill()))
self.addEventListener('activate', (event) => event.waitUntil(dropOthers()))
self.addEventListener('message', (event) => {
  if (event.data === 'activate_now') void self.skipWaiting()
})
self.addEventListener('fetch', (event) => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== self.location.origin) return
  if (request.mode === 'navigate' && url.pathname === PAGE) event.respondWith(fromCache(PAGE, request))
  else if (request.mode !== 'navigate' && paths.has(url.pathname)) event.respondWith(fromCache(url.pathname, request))
})

export {}
