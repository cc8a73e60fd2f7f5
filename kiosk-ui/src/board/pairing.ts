import { type Identity, newKey } from './identity'

/** How often the screen asks whether it has been approved. */
export const POLL_MS = 2_500

export type PairingState = { at: 'asking' } | { at: 'code'; code: string } | { at: 'unreachable' }

interface Enrolment {
  enrolment_id: string
  secret: string
  code: string
}

/** K7PM3XQ2 as people read it: K7PM-3XQ2. */
export function readable(code: string): string {
  return code.length === 8 ? `${code.slice(0, 4)}-${code.slice(4)}` : code
}

/**
 * Asks for a code, shows it and waits until an administrator approves it. A
 * code that expires is replaced by a new one; an unreachable gateway is asked
 * again. Ends only with an identity or when `signal` aborts.
 */
export async function pair(show: (state: PairingState) => void, signal: AbortSignal): Promise<Identity> {
  const key = await newKey()
  show({ at: 'asking' })
  for (;;) {
    try {
      const enrolment = await enrol(key.publicKey, signal)
      show({ at: 'code', code: enrolment.code })
      const deviceId = await approval(enrolment, signal)
      if (deviceId) return { deviceId, privateKey: key.privateKey }
    } catch (error) {
      if (signal.aborted) throw error
      show({ at: 'unreachable' })
      await pause(2 * POLL_MS, signal)
    }
  }
}

async function enrol(publicKey: string, signal: AbortSignal): Promise<Enrolment> {
  const answer = await fetch('/api/v1/enrolments', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ public_key: publicKey, kind: 'wall_board' }),
    signal,
  })
  if (!answer.ok) throw new Error(`ask for a pairing code: ${answer.status}`)
  return (await answer.json()) as Enrolment
}

/** The device id once approved, null once the code is no longer good. */
async function approval(enrolment: Enrolment, signal: AbortSignal): Promise<string | null> {
  for (;;) {
    await pause(POLL_MS, signal)
    const answer = await fetch(`/api/v1/enrolments/${encodeURIComponent(enrolment.enrolment_id)}`, {
      headers: { Authorization: `Bearer ${enrolment.secret}` },
      signal,
    })
    if (answer.status === 404 || answer.status === 410) return null
    if (!answer.ok) throw new Error(`ask for the approval: ${answer.status}`)
    const found = (await answer.json()) as { state: string; device_id?: string }
    if (found.state === 'approved' && found.device_id) return found.device_id
    if (found.state === 'expired') return null
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal.addEventListener('abort', stop, { once: true })
  })
}
