import { type DBSchema, openDB } from 'idb'

/** This screen's key as a wall board; the private half cannot leave the browser. */
export interface Identity {
  deviceId: string
  privateKey: CryptoKey
}

interface Keys extends DBSchema {
  identity: { key: 'own'; value: Identity }
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const

// The wall board's own database: a tablet paired in the same browser keeps its key elsewhere.
function database() {
  return openDB<Keys>('qingfeng-board', 1, { upgrade: (db) => void db.createObjectStore('identity') })
}

export async function findIdentity(): Promise<Identity | null> {
  const db = await database()
  const found = await db.get('identity', 'own')
  db.close()
  return found ?? null
}

export async function keepIdentity(identity: Identity): Promise<void> {
  const db = await database()
  await db.put('identity', identity, 'own')
  db.close()
}

export async function forgetIdentity(): Promise<void> {
  const db = await database()
  await db.delete('identity', 'own')
  db.close()
}

/** A new key pair; the private key is non-extractable. */
export async function newKey(): Promise<{ privateKey: CryptoKey; publicKey: string }> {
  const pair = await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify'])
  const raw = await crypto.subtle.exportKey('raw', pair.publicKey)
  return { privateKey: pair.privateKey, publicKey: base64url(new Uint8Array(raw)) }
}

/** The text a device signs to prove itself, as docs/protocol.md section 3 has it. */
export function signedText(origin: string, deviceId: string, nonce: string): string {
  return `qingfeng device v1\n${origin}\n${deviceId}\n${nonce}`
}

export interface HelloOptions {
  origin: string
  instance: string
  language: string
}

/** The hello that answers a challenge. */
export async function hello(
  identity: Identity,
  nonce: string,
  options: HelloOptions,
): Promise<Record<string, unknown>> {
  const text = new TextEncoder().encode(signedText(options.origin, identity.deviceId, nonce))
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, identity.privateKey, text)
  return {
    type: 'hello',
    device_id: identity.deviceId,
    signature: base64url(new Uint8Array(signature)),
    client_time: new Date().toISOString(),
    instance: options.instance,
    language: options.language,
    queued: 0,
    queue_ok: true,
    ui_version: 'board',
  }
}

export function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}
