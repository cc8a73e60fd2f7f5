// A stand-in for the gateway while the desk and the operator page are being
// drawn: the built screens, and answers a real hospital would give.
//   node e2e/mock-desk.mjs [dist] [port]
// Scenarios by cookie `mock`: busy (default), empty, error, offline, head.
import { readFile } from 'node:fs/promises'
import http from 'node:http'
import { extname, join } from 'node:path'
import { answers } from './mock-desk-data.mjs'

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
const PAGES = { '/desk': 'desk.html', '/operator': 'operator.html', '/board': 'board.html', '/tablet': 'tablet.html' }

async function body(request) {
  let text = ''
  for await (const chunk of request) text += chunk
  if (request.headers['content-type']?.startsWith('text/')) return text
  return text ? JSON.parse(text) : {}
}

export function startMock({ dist, port = 0 }) {
  const state = { signedIn: true, prompt: null, counts: { offered: 46, answered: 31 }, log: [] }
  const server = http.createServer(async (request, response) => {
    const url = new URL(request.url, 'http://mock')
    const scenario = /mock=(\w+)/.exec(request.headers.cookie ?? '')?.[1] ?? 'busy'
    if (url.pathname.startsWith('/api/')) {
      const got = await body(request)
      state.log.push({ method: request.method, path: url.pathname, body: got })
      const answer = answers(request.method, url, got, scenario, state)
      if (answer === 'offline') return request.socket.destroy()
      response.writeHead(answer.status, { 'Content-Type': 'application/json' })
      return response.end(answer.body === undefined ? '' : JSON.stringify(answer.body))
    }
    const file = PAGES[url.pathname] ?? url.pathname.slice(1)
    try {
      const content = await readFile(join(dist, file))
      response.writeHead(200, {
        'Content-Type': `${TYPES[extname(file)] ?? 'application/octet-stream'}; charset=utf-8`,
        'Content-Security-Policy': CSP,
      })
      response.end(content)
    } catch {
      response.writeHead(404).end()
    }
  })
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () =>
      resolve({ state, url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() }),
    )
  })
}

if (process.argv[1]?.endsWith('mock-desk.mjs')) {
  const { url } = await startMock({ dist: process.argv[2] ?? 'dist', port: Number(process.argv[3] ?? 8090) })
  console.log(`${url}/desk  ${url}/operator`)
}
