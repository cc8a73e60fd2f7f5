import { describe, expect, it } from 'vitest'
import { nothingYet, setSilentApart, unaskedOnly } from './quiet'
import { hidden, shown, unit } from './testing'

const none = hidden('no_data')
const one = { ...hidden('not_enough', 1), offered: 0 }

describe('units nobody has spoken of', () => {
  it('are set apart with their silent places, those that were asked in vain are not', () => {
    const quiet = unit('quiet', none)
    const half = unit('half', shown(80, 20), { places: [unit('w1', shown(80, 20)), unit('w2', none)] })
    const vain = unit('vain', { ...none, offered: 30 })
    const touched = unit('touched', none, { unasked: one })
    const { speaking, silent } = setSilentApart([quiet, half, vain, touched])
    expect(silent).toEqual([quiet])
    expect(speaking.map((u) => u.id)).toEqual(['half', 'vain', 'touched'])
    expect(speaking[0]?.places?.map((p) => p.id)).toEqual(['w1'])
    expect(speaking[1]).toBe(vain)
  })

  it('make an empty day only when none of them has an answer of any kind', () => {
    expect(nothingYet([unit('a', none), unit('b', { ...none, offered: 3 })])).toBe(true)
    expect(nothingYet([unit('a', none), unit('b', hidden('protected', 656))])).toBe(false)
    expect(nothingYet([unit('a', none, { unasked: one })])).toBe(false)
  })

  it('are told from those with unasked ratings alone', () => {
    expect(unaskedOnly(unit('a', none, { unasked: one }))).toBe(true)
    expect(unaskedOnly(unit('a', none))).toBe(false)
    expect(unaskedOnly(unit('a', hidden('not_enough', 2), { unasked: one }))).toBe(false)
  })
})
