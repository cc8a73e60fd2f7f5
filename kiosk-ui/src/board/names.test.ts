import { expect, it } from 'vitest'
import { placeNames, whereOf } from './names'
import { shown, unit } from './testing'

const names = placeNames([
  unit('cardiology', shown(90, 20), {
    name: { zh: '心内科', en: 'Cardiology' },
    places: [unit('ward-3', shown(90, 20), { kind: 'ward', name: { zh: '三病区', en: 'Ward 3' } })],
  }),
])

it.each([
  ['the ward', { department: 'cardiology', place: 'ward-3' }, { zh: '三病区', en: 'Ward 3' }],
  ['a place the board does not list', { department: 'x', place: 'gone' }, { zh: 'gone', en: 'gone' }],
  [
    'an unknown ward of a department',
    { department: 'cardiology', place: '' },
    { zh: '心内科（未知病区）', en: 'Cardiology (unknown ward)' },
  ],
  ['nothing known', { department: '', place: '' }, { zh: '本院（未知病区）', en: 'Hospital (unknown ward)' }],
])('names %s', (_, at, want) => {
  expect(whereOf(names, at)).toEqual(want)
})
