import { ref, shallowRef } from 'vue'
import type { Period } from '../shared/wire'
import { Link, type LinkState, type Proof } from './socket'
import { apply, type Board } from './store'

/** Joins the connection to the board's state; components read `board` and `link`. */
export function createLive(url: string, onOffset: (ms: number) => void) {
  const board = shallowRef<Board | null>(null)
  const link = ref<LinkState>({ at: 'connecting' })
  const period = ref<Period>('today')
  let proof: (() => Promise<Proof>) | null = null
  let askedAgain = false

  const connection = new Link(
    {
      url,
      proof: () => (proof ? proof() : Promise.reject(new Error('no proof was chosen'))),
      onFrame(frame) {
        const { board: next, gap } = apply(board.value, frame)
        board.value = next
        if (frame.type === 'snapshot') askedAgain = false
        if (!gap || askedAgain) return
        askedAgain = true
        connection.subscribe()
      },
      onState(state) {
        link.value = state
        if (state.at === 'connecting') askedAgain = false
      },
      onOffset,
    },
    period.value,
  )

  return {
    board,
    link,
    period,
    start(by: () => Promise<Proof>) {
      proof = by
      connection.start()
    },
    stop: () => connection.stop(),
    hurry: () => connection.hurry(),
    setPeriod(next: Period) {
      period.value = next
      connection.setPeriod(next)
    },
  }
}
