import { toBase64url } from './base64url'
import type { MetaStore } from './database'

const CURVE = { name: 'ECDSA', namedCurve: 'P-256' } as const
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const

/** Who this device is: its key never leaves the browser, and its id is the server's. */
export interface Identity {
  deviceId: string
  keys: CryptoKeyPair
}

/** The key pair of this device, made at first use. The private half cannot be exported. */
export async function loadOrCreateKeys(meta: MetaStore, subtle: SubtleCrypto = crypto.subtle): Promise<CryptoKeyPair> {
  const kept = await meta.get<CryptoKeyPair>('keys')
  if (kept) return kept
  const keys = await subtle.generateKey(CURVE, false, ['sign', 'verify'])
  await meta.set('keys', keys)
  return keys
}

/** The public half as the wire wants it: the uncompressed point, 65 bytes. */
export async function publicPoint(keys: CryptoKeyPair, subtle: SubtleCrypto = crypto.subtle): Promise<string> {
  return toBase64url(new Uint8Array(await subtle.exportKey('raw', keys.publicKey)))
}

/** The text that is signed to answer a challenge. */
export function challengeText(origin: string, deviceId: string, nonce: string): string {
  return `qingfeng device v1\n${origin}\n${deviceId}\n${nonce}`
}

/** The answer to a challenge: r‖s, 64 bytes. */
export async function signChallenge(
  keys: CryptoKeyPair,
  origin: string,
  deviceId: string,
  nonce: string,
  subtle: SubtleCrypto = crypto.subtle,
): Promise<string> {
  const text = new TextEncoder().encode(challengeText(origin, deviceId, nonce))
  return toBase64url(new Uint8Array(await subtle.sign(SIGNING, keys.privateKey, text)))
}

/** This device is no longer enrolled: the next enrolment uses a fresh key. Queued facts stay. */
export async function forgetIdentity(meta: MetaStore): Promise<void> {
  for (const key of ['device_id', 'keys', 'enrolment', 'welcome']) await meta.remove(key)
}
