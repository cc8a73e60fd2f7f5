// Short notices at the foot of the page, some with a way back.
import { type Ref, ref } from 'vue'

export interface Notice {
  id: number
  text: string
  tone: 'well' | 'wrong'
  undo?: () => void | Promise<void>
}

export interface Notices {
  list: Ref<Notice[]>
  tell(text: string, undo?: () => void | Promise<void>): void
  warn(text: string): void
  close(id: number): void
  undo(id: number): Promise<void>
}

/** How long a notice stands: longer when there is something to decide. */
const PLAIN_MS = 5_000
const UNDO_MS = 12_000

export function createNotices(later: (run: () => void, ms: number) => void = setTimeout): Notices {
  const list = ref<Notice[]>([]) as Ref<Notice[]>
  let last = 0
  const close = (id: number) => {
    list.value = list.value.filter((n) => n.id !== id)
  }
  const add = (notice: Omit<Notice, 'id'>) => {
    const id = ++last
    list.value = [...list.value.slice(-2), { ...notice, id }]
    later(() => close(id), notice.undo || notice.tone === 'wrong' ? UNDO_MS : PLAIN_MS)
  }
  return {
    list,
    tell: (text, undo) => add(undo ? { text, tone: 'well', undo } : { text, tone: 'well' }),
    warn: (text) => add({ text, tone: 'wrong' }),
    close,
    async undo(id) {
      const notice = list.value.find((n) => n.id === id)
      close(id)
      await notice?.undo?.()
    },
  }
}
