import type { DeviceKind, EnrolmentCreated, EnrolmentState } from '../shared/wire'
import type { MetaStore } from './database'

/** How often the screen asks whether its code has been approved. */
export const POLL_MILLIS = 3_000
/** Waits after a failure: no network, or too many enrolments waiting. */
export const NO_NETWORK_MILLIS = 5_000
export const BUSY_MILLIS = 30_000

export type EnrolReport =
  | { type: 'code'; code: string; remainingMillis: number }
  | { type: 'problem'; problem: 'no_network' | 'busy' }

export interface EnrolOptions {
  fetch: typeof fetch
  publicKey: string
  kind: DeviceKind
  meta: MetaStore
  now: () => number
  report: (report: EnrolReport) => void
  signal?: AbortSignal
}

interface Kept extends EnrolmentCreated {
  /** When it ends by this device's clock. */
  ends: number
}

/** K7PM3XQ2 → K7PM-3XQ2. */
export function formatCode(code: string): string {
  return code.length === 8 ? `${code.slice(0, 4)}-${code.slice(4)}` : code
}

/**
 * Shows codes until one is approved and gives the device id. A code that runs
 * out is replaced by a new one; a reload goes on with the code it had. A captive
 * portal's page is no answer: it counts as no network.
 */
export async function enrol(options: EnrolOptions): Promise<string> {
  let kept = await options.meta.get<Kept>('enrolment')
  for (;;) {
    options.signal?.throwIfAborted()
    if (kept && options.now() < kept.ends) {
      options.report({ type: 'code', code: kept.code, remainingMillis: kept.ends - options.now() })
      const state = await check(options, kept)
      if (state?.state === 'approved' && state.device_id) {
        await options.meta.set('device_id', state.device_id)
        await options.meta.remove('enrolment')
        return state.device_id
      }
      if (state?.state === 'expired') kept = undefined
      else await wait(POLL_MILLIS)
      continue
    }
    kept = await begin(options)
    if (kept) await options.meta.set('enrolment', kept)
  }
}

async function begin(options: EnrolOptions): Promise<Kept | undefined> {
  const answer = await request(options, '/api/v1/enrolments', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ public_key: options.publicKey, kind: options.kind }),
  })
  const body = answer?.body as Partial<EnrolmentCreated> | undefined
  if (answer?.status === 201 && body?.enrolment_id && body.secret && body.code && body.expires_at) {
    const remaining = Date.parse(body.expires_at) - (answer.serverNow ?? options.now())
    return { ...(body as EnrolmentCreated), ends: options.now() + remaining }
  }
  const busy = answer?.status === 429
  options.report({ type: 'problem', problem: busy ? 'busy' : 'no_network' })
  await wait(busy ? BUSY_MILLIS : NO_NETWORK_MILLIS)
  return undefined
}

/** The state of a waiting code; undefined when it cannot be told now. An unknown one has ended. */
async function check(options: EnrolOptions, kept: Kept): Promise<EnrolmentState | undefined> {
  const answer = await request(options, `/api/v1/enrolments/${encodeURIComponent(kept.enrolment_id)}`, {
    headers: { Authorization: `Bearer ${kept.secret}` },
  })
  if (!answer) return undefined
  if (answer.status === 404 || answer.status === 401) return { state: 'expired' }
  const body = answer.body as Partial<EnrolmentState>
  const known = body.state === 'waiting' || body.state === 'approved' || body.state === 'expired'
  return answer.status === 200 && known ? (body as EnrolmentState) : undefined
}

interface Answer {
  status: number
  body: unknown
  serverNow: number | null
}

async function request(options: EnrolOptions, path: string, init: RequestInit): Promise<Answer | undefined> {
  const signal = AbortSignal.timeout(10_000)
  try {
    const got = await options.fetch(path, {
      ...init,
      signal,
      cache: 'no-store',
      redirect: 'error',
      credentials: 'omit',
    })
    if (!got.headers.get('content-type')?.includes('json')) return undefined
    const date = Date.parse(got.headers.get('date') ?? '')
    return { status: got.status, body: await got.json(), serverNow: Number.isNaN(date) ? null : date }
  } catch {
    return undefined
  }
}

function wait(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis))
}
