import type { Language } from '../shared/wire'
import type { Identity } from '../tablet/identity'
import { hello } from './device'
import { type Proof, Refused } from './socket'

/** A signed-in officer's proof: a ticket, good once. Refused when there is no session or no right. */
export async function ticketProof(): Promise<Proof> {
  const answer = await fetch('/api/v1/board/ticket', { method: 'POST' })
  if (answer.status === 401) throw new Refused('sign_in')
  if (answer.status === 403) throw new Refused('forbidden')
  if (!answer.ok) throw new Error(`ask for a board ticket: ${answer.status}`)
  const { ticket } = (await answer.json()) as { ticket: string }
  return { kind: 'ticket', ticket }
}

/** A wall board's proof: its signature over the challenge. */
export function deviceProof(identity: Identity, language: () => Language): () => Promise<Proof> {
  const instance = crypto.randomUUID()
  return async () => ({
    kind: 'device',
    hello: (nonce) => hello(identity, nonce, { origin: location.origin, instance, language: language() }),
  })
}

/** Where boards connect, over TLS when the page came over TLS. */
export function boardUrl(page: { protocol: string; host: string }): string {
  return `${page.protocol === 'https:' ? 'wss' : 'ws'}://${page.host}/ws/board`
}
