import type { Figure, Unit } from '../shared/wire'

// Small units for the tests beside this file; no screen imports it.

export function shown(score: number, answered: number, more: Partial<Figure> = {}): Figure {
  return {
    offered: answered * 2,
    answered,
    response_rate: 0.5,
    shown: true,
    score,
    score_low: score - 2,
    score_high: score + 2,
    dissatisfied: (100 - score) / 200,
    ...more,
  }
}

export function hidden(withheld: 'no_data' | 'not_enough' | 'protected', answered = 0): Figure {
  return { offered: answered * 2, answered, response_rate: answered ? 0.5 : null, shown: false, withheld }
}

export function unit(id: string, figure: Figure, more: Partial<Unit> = {}): Unit {
  return {
    id,
    kind: 'department',
    name: { zh: id, en: id },
    figure,
    modes: [{ mode: 'window', figure }],
    unasked: hidden('no_data'),
    hours: [],
    ...more,
  }
}
