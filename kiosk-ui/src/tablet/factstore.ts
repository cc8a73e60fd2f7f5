import type { Fact } from '../shared/wire'
import type { StoredFact, TabletDatabase } from './database'
import type { FactStore } from './queue'

/**
 * The queue's disk: IndexedDB with strict durability, so that a resolved call
 * means the browser has flushed, not only accepted.
 */
export function idbFactStore(open: () => Promise<TabletDatabase>): FactStore {
  const strict = { durability: 'strict' } as const
  return {
    async all() {
      const rows = await (await open()).getAll('facts')
      return rows.map((row) => ({ seq: row.seq ?? 0, fact: row.fact }))
    },
    async put(fact: Fact) {
      const tx = (await open()).transaction('facts', 'readwrite', strict)
      const [seq] = await Promise.all([tx.store.add({ id: fact.id, fact }), tx.done])
      return seq
    },
    async remove(seq) {
      const tx = (await open()).transaction('facts', 'readwrite', strict)
      await Promise.all([tx.store.delete(seq), tx.done])
    },
    async setAside(seq) {
      const tx = (await open()).transaction(['facts', 'aside'], 'readwrite', strict)
      const row: StoredFact | undefined = await tx.objectStore('facts').get(seq)
      if (row) {
        await tx.objectStore('aside').put(row)
        await tx.objectStore('facts').delete(seq)
      }
      await tx.done
    },
    async probe() {
      const tx = (await open()).transaction('meta', 'readwrite', strict)
      await Promise.all([tx.store.put(Date.now(), 'probe'), tx.done])
    },
  }
}
