// Starts the real gateway binary for one test: a port and a data directory of
// its own, a signed-in administrator, and ways to kill and start it again.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const binary = new URL('../../bin/gateway', import.meta.url).pathname
const startSeconds = 30

export async function startGateway({ environment = {} } = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'qingfeng-e2e-'))
  const gateway = new Gateway(directory, environment)
  await gateway.start()
  return gateway
}

class Gateway {
  constructor(directory, environment) {
    this.directory = directory
    this.environment = environment
    this.listen = '127.0.0.1:0'
    this.log = []
  }

  /** Starts the process; a second start keeps the address of the first. */
  async start() {
    this.process = spawn(binary, ['serve'], {
      env: {
        ...process.env,
        QINGFENG_LISTEN: this.listen,
        QINGFENG_MLLP: '127.0.0.1:0',
        QINGFENG_DATA_DIR: this.directory,
        ...this.environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.exited = new Promise((resolve) => this.process.once('exit', resolve))
    createInterface({ input: this.process.stderr }).on('line', (line) => this.log.push(line))
    await new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`no start in ${startSeconds} s:\n${this.log.join('\n')}`)),
        startSeconds * 1000,
      )
      this.exited.then((code) => reject(new Error(`gateway left with ${code}:\n${this.log.join('\n')}`)))
      createInterface({ input: this.process.stdout }).on('line', (line) => {
        this.log.push(line)
        const address = line.match(/https?:\/\/[^/\s]+/)
        if (address) this.url ??= address[0]
        const password = line.match(/admin\s+(\S+)/)
        if (password) this.password ??= password[1]
        if (/ready/.test(line)) {
          clearTimeout(late)
          resolve()
        }
      })
    })
    this.listen = new URL(this.url).host
  }

  async kill(signal = 'SIGKILL') {
    this.process.kill(signal)
    return this.exited
  }

  async stop() {
    await this.kill('SIGTERM')
    await rm(this.directory, { recursive: true, force: true })
  }

  /** One call of the API with the desk's session; throws on an error status. */
  async call(method, path, body, headers = {}) {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(this.cookie ? { Cookie: this.cookie } : {}),
        Origin: this.url,
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const cookie = response.headers.getSetCookie().find((c) => c.startsWith('qingfeng_session='))
    if (cookie) this.cookie = cookie.split(';')[0]
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text ? JSON.parse(text) : undefined
  }

  /** Signs the administrator in and sets a lasting password. */
  async signIn() {
    await this.call('POST', '/api/v1/session', { username: 'admin', password: this.password })
    const lasting = 'a lasting password for tests'
    await this.call('POST', '/api/v1/session/password', { current: this.password, new: lasting })
    this.password = lasting
  }

  /** Approves the code a screen shows. */
  approve(code, { kind = 'window_tablet', place, name = place ?? kind, bed, mirrored = false }) {
    const at = { ...(place ? { place } : {}), ...(bed ? { bed } : {}) }
    return this.call('POST', '/api/v1/enrolments/approve', {
      code: code.replace(/\W/g, ''),
      kind,
      name,
      mirrored,
      ...at,
    })
  }

  /** Makes a token for a window's system. */
  async token() {
    this.bearer ??= (await this.call('POST', '/api/v1/tokens', { label: 'window system', windows: [] })).token
    return this.bearer
  }

  /** Reports a finished transaction as the window's system does. */
  async transaction(window, number, body = {}) {
    return this.call(
      'POST',
      `/api/v1/windows/${window}/transactions`,
      { transaction: number, kind: 'settlement', ...body },
      { Authorization: `Bearer ${await this.token()}` },
    )
  }

  /** Runs another command of the binary on this gateway's data. */
  async command(...words) {
    const child = spawn(binary, words, {
      env: { ...process.env, QINGFENG_DATA_DIR: this.directory, ...this.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', (text) => (output += text))
    child.stderr.on('data', (text) => (output += text))
    const code = await new Promise((resolve) => child.once('close', resolve))
    return { code, output }
  }
}
