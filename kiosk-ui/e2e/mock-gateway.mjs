// A gateway for the tablet's own tests: serves the built page under the strict
// policy of the real one, speaks docs/protocol.md to one tablet, and does what a
// test tells it to. It stores nothing.
import { randomBytes, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { WebSocketServer } from 'ws'
import { shippedPhones, shippedQuestionnaire, shippedRules } from './shipped.mjs'

const POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
}

const text = (zh, en) => ({ zh, en })

export const welcome = {
  device: { id: '', kind: 'window_tablet', name: '结算2号平板', mirrored: false },
  hospital: {
    name: text('青禾市第一人民医院', 'Qinghe First People’s Hospital'),
    reporting_phones: shippedPhones(),
    nine_rules: shippedRules(),
    zone: 'Asia/Shanghai',
  },
  place: {
    id: 'settlement-2',
    kind: 'window',
    name: text('缴费结算 2 号窗口', 'Payment window 2'),
    department: { id: 'finance', name: text('财务科', 'Finance') },
    window_kind: 'settlement',
  },
  settings: { idle_reset_seconds: 20, thanks_seconds: 4, prompt_seconds: 60, languages: ['zh', 'en'] },
}

export class MockGateway {
  facts = []
  sockets = new Set()
  acking = true
  approved = null
  refuse = null
  selfTestDue = false
  welcome = structuredClone(welcome)
  questionnaire = shippedQuestionnaire('window')

  constructor(dist) {
    this.dist = dist
    this.http = createServer((req, res) => this.serve(req, res).catch(() => res.writeHead(500).end()))
    this.ws = new WebSocketServer({ noServer: true, perMessageDeflate: false })
    this.http.on('upgrade', (req, socket, head) => {
      if (this.offline) return socket.destroy()
      this.ws.handleUpgrade(req, socket, head, (ws) => this.talk(ws))
    })
  }

  async start(port = 0) {
    await new Promise((resolve) => this.http.listen(port, '127.0.0.1', resolve))
    this.origin = `http://127.0.0.1:${this.http.address().port}`
    return this.origin
  }

  async stop() {
    this.cut()
    this.http.closeAllConnections()
    await new Promise((resolve) => this.http.close(resolve))
  }

  /** The network goes (page, API and sockets) or comes back. */
  setOffline(offline) {
    this.offline = offline
    if (offline) this.cut()
  }

  cut() {
    for (const ws of this.sockets) ws.terminate()
  }

  close(code) {
    for (const ws of this.sockets) ws.close(code)
  }

  send(frame) {
    for (const ws of this.sockets) ws.send(JSON.stringify(frame))
  }

  prompt(seconds = 60, change = {}) {
    const prompt = {
      id: randomUUID(),
      transaction_kind: 'settlement',
      transaction_text: text('缴费结算', 'Payment'),
      window: this.welcome.place.id,
      staff: { number: '1024', name: text('李秀梅', 'Li Xiumei'), title: text('收费员', 'Cashier') },
      created_at: new Date().toISOString(),
      expires_at: new Date(Date.now() + seconds * 1000).toISOString(),
      ...change,
    }
    this.send({ type: 'prompt', prompt })
    return prompt
  }

  async serve(req, res) {
    const url = new URL(req.url, this.origin)
    if (this.offline) return req.socket.destroy()
    if (url.pathname.startsWith('/api/v1/enrolments')) return this.enrolment(req, res)
    const name = url.pathname === '/tablet' ? 'tablet.html' : normalize(url.pathname).replace(/^\/+/, '')
    const body = await readFile(join(this.dist, name)).catch(() => null)
    if (!body) return res.writeHead(404).end()
    const immutable = name.startsWith('assets/')
    res.writeHead(200, {
      'Content-Type': TYPES[extname(name)] ?? 'application/octet-stream',
      'Content-Security-Policy': POLICY,
      'Cache-Control': immutable ? 'public, max-age=31536000, immutable' : 'no-store',
      'X-Content-Type-Options': 'nosniff',
    })
    res.end(body)
  }

  enrolment(req, res) {
    const answer = (status, body) => {
      res.writeHead(status, { 'Content-Type': 'application/json' })
      res.end(JSON.stringify(body))
    }
    if (req.method === 'POST') {
      const expires_at = new Date(Date.now() + 600_000).toISOString()
      return answer(201, { enrolment_id: randomUUID(), secret: 'secret', code: 'K7PM3XQ2', expires_at })
    }
    answer(200, this.approved ? { state: 'approved', device_id: this.approved } : { state: 'waiting' })
  }

  talk(ws) {
    this.sockets.add(ws)
    ws.on('close', () => this.sockets.delete(ws))
    ws.on('message', (data) => this.receive(ws, JSON.parse(data.toString())))
    const nonce = randomBytes(32).toString('base64url')
    ws.send(JSON.stringify({ type: 'challenge', nonce, server_time: new Date().toISOString() }))
  }

  receive(ws, frame) {
    const tell = (answer) => ws.send(JSON.stringify(answer))
    if (frame.type === 'hello') {
      if (this.refuse) return ws.close(this.refuse)
      const { device, ...rest } = this.welcome
      tell({
        type: 'welcome',
        server_time: new Date().toISOString(),
        device: { ...device, id: frame.device_id },
        ...rest,
        questionnaire: this.questionnaire,
        self_test_due: this.selfTestDue,
      })
      return
    }
    if (frame.type === 'status') return
    this.facts.push(frame)
    if (frame.type === 'self_test') this.selfTestDue = false
    if (this.acking) tell({ type: 'ack', id: frame.id, outcome: this.outcome?.(frame) ?? 'stored' })
  }
}
