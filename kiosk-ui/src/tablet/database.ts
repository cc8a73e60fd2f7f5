import { type DBSchema, type IDBPDatabase, openDB } from 'idb'
import type { Fact } from '../shared/wire'

/** One fact as it lies on the device's disk; seq gives the order of making. */
export interface StoredFact {
  seq?: number
  id: string
  fact: Fact
}

export interface TabletSchema extends DBSchema {
  facts: { key: number; value: StoredFact; indexes: { id: string } }
  /** Facts no frame can carry, kept for a person. */
  aside: { key: number; value: StoredFact }
  meta: { key: string; value: unknown }
}

export type TabletDatabase = IDBPDatabase<TabletSchema>

export const DATABASE_NAME = 'qingfeng-tablet'

/**
 * Opens the tablet's database on demand and again after the browser closed it
 * (storage pressure, a crash of its storage process). Rejects while it cannot
 * be opened; the next call tries afresh.
 */
export function databaseOpener(name = DATABASE_NAME): () => Promise<TabletDatabase> {
  let opened: Promise<TabletDatabase> | null = null
  const forget = () => {
    opened = null
  }
  return () => {
    opened ??= openDB<TabletSchema>(name, 1, {
      upgrade(db) {
        const facts = db.createObjectStore('facts', { keyPath: 'seq', autoIncrement: true })
        facts.createIndex('id', 'id', { unique: true })
        db.createObjectStore('aside', { keyPath: 'seq', autoIncrement: true })
        db.createObjectStore('meta')
      },
      blocking(_current, _blocked, event) {
        ;(event.target as IDBDatabase).close()
        forget()
      },
      terminated: forget,
    }).catch((error: unknown) => {
      forget()
      throw error
    })
    return opened
  }
}

/** Small named values beside the queue: key pair, device id, last welcome. */
export interface MetaStore {
  get<T>(key: string): Promise<T | undefined>
  set(key: string, value: unknown): Promise<void>
  remove(key: string): Promise<void>
}

export function metaStore(open: () => Promise<TabletDatabase>): MetaStore {
  return {
    async get<T>(key: string) {
      return (await (await open()).get('meta', key)) as T | undefined
    },
    async set(key, value) {
      const tx = (await open()).transaction('meta', 'readwrite', { durability: 'strict' })
      await Promise.all([tx.store.put(value, key), tx.done])
    },
    async remove(key) {
      const tx = (await open()).transaction('meta', 'readwrite', { durability: 'strict' })
      await Promise.all([tx.store.delete(key), tx.done])
    },
  }
}
