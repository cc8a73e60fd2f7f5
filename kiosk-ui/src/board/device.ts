import type { Hello, Language } from '../shared/wire'
import { databaseOpener, type MetaStore, metaStore } from '../tablet/database'
import { type EnrolReport, enrol } from '../tablet/enrol'
import { forgetIdentity, type Identity, loadOrCreateKeys, publicPoint, signChallenge } from '../tablet/identity'

// A wall board enrols and proves itself as a tablet does, out of a database of
// its own: a tablet paired in the same browser keeps its key elsewhere.
const DATABASE_NAME = 'qingfeng-board'

export type PairingState = { at: 'asking' } | { at: 'code'; code: string } | { at: 'problem' }

export interface BoardDeviceStore {
  /** This screen as an enrolled wall board, or null. */
  find(): Promise<Identity | null>
  /** Shows codes until one is approved; rejects once `signal` aborts. */
  pair(show: (state: PairingState) => void, signal: AbortSignal): Promise<Identity>
  forget(): Promise<void>
}

export function boardDevice(meta: MetaStore = metaStore(databaseOpener(DATABASE_NAME))): BoardDeviceStore {
  return {
    async find() {
      const deviceId = await meta.get<string>('device_id')
      return deviceId ? { deviceId, keys: await loadOrCreateKeys(meta) } : null
    },
    async pair(show, signal) {
      show({ at: 'asking' })
      const keys = await loadOrCreateKeys(meta)
      const report = (said: EnrolReport) => {
        if (!signal.aborted) show(said.type === 'code' ? { at: 'code', code: said.code } : { at: 'problem' })
      }
      const deviceId = await enrol({
        fetch: (input, init) => fetch(input, init),
        publicKey: await publicPoint(keys),
        kind: 'wall_board',
        meta,
        now: Date.now,
        report,
        signal,
      })
      return { deviceId, keys }
    },
    forget: () => forgetIdentity(meta),
  }
}

export interface HelloOptions {
  origin: string
  instance: string
  language: Language
}

/** The hello that answers a challenge. A board queues nothing. */
export async function hello(identity: Identity, nonce: string, options: HelloOptions): Promise<Hello> {
  return {
    type: 'hello',
    device_id: identity.deviceId,
    signature: await signChallenge(identity.keys, options.origin, identity.deviceId, nonce),
    client_time: new Date().toISOString(),
    instance: options.instance,
    language: options.language,
    queued: 0,
    queue_ok: true,
    ui_version: 'board',
  }
}
