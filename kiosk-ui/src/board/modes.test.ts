import { expect, it } from 'vitest'
import type { Mode } from '../shared/wire'
import { afterDischarge, shapeOf, shapesIn } from './modes'
import { shown, unit } from './testing'

const modes: Mode[] = ['sms_code', 'bedside', 'sms_link', 'window', 'sms_reply', 'lobby']

it('draws a shape for every place and one for all surveys', () => {
  expect(modes.map(shapeOf)).toEqual(['text', 'bedside', 'text', 'window', 'text', 'lobby'])
  expect(modes.filter(afterDischarge)).toEqual(['sms_code', 'sms_link', 'sms_reply'])
})

it('names each shape on a board once, in one order', () => {
  const figure = shown(90, 20)
  const units = [
    unit('a', figure, { modes: modes.slice(0, 3).map((mode) => ({ mode, figure })) }),
    unit('b', figure, { modes: [] }),
    unit('c', figure, { modes: [{ mode: 'window', figure }] }),
  ]
  expect(shapesIn(units)).toEqual(['window', 'bedside', 'text'])
  expect(shapesIn([])).toEqual([])
})
