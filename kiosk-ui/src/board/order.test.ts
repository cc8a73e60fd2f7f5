import { describe, expect, it } from 'vitest'
import { type Arrangement, arrange, OPENING, startsDescending } from './order'
import { hidden, shown, unit } from './testing'

const hospital = unit('hospital', shown(90, 1000))
const departments = [
  unit('眼科', shown(92, 30)),
  unit('急诊科', shown(79, 131)),
  unit('儿科', shown(83, 104), {
    modes: [
      { mode: 'bedside', figure: shown(83, 90) },
      { mode: 'sms_link', figure: shown(80, 14) },
    ],
    places: [unit('w11', shown(83, 104), { kind: 'ward', name: { zh: '十一病区', en: 'Ward 11' } })],
  }),
  unit('口腔科', shown(97, 19)),
  unit('皮肤科', hidden('not_enough', 7)),
  unit('中医科', hidden('no_data')),
  unit('门诊部', hidden('protected', 40), {
    places: [
      unit('r1', hidden('protected', 40), { kind: 'window', name: { zh: '1号挂号窗口', en: 'Registration 1' } }),
    ],
  }),
]

const names = (how: Partial<Arrangement>) =>
  arrange(departments, hospital, { ...OPENING, ...how }).map(({ group, units }) => [group, units.map((u) => u.id)])

describe('arrange', () => {
  it('opens with those below the hospital lifted out, worst first, then the best first, withheld last', () => {
    expect(names({})).toEqual([
      ['below', ['急诊科', '儿科']],
      ['listed', ['口腔科', '眼科']],
      ['withheld', ['门诊部', '皮肤科', '中医科']],
    ])
  })

  it('keeps withheld figures last whichever way it is sorted', () => {
    expect(names({ sort: 'dissatisfied', descending: true }).at(-1)?.[0]).toBe('withheld')
    expect(names({ sort: 'dissatisfied', descending: false }).at(-1)?.[0]).toBe('withheld')
    expect(names({ sort: 'dissatisfied', descending: true })[0]).toEqual([
      'listed',
      ['急诊科', '儿科', '眼科', '口腔科'],
    ])
  })

  it('sorts by answers and by name in one list', () => {
    expect(names({ sort: 'answered', descending: true })[0]?.[1]?.slice(0, 3)).toEqual(['急诊科', '儿科', '门诊部'])
    expect(names({ sort: 'name', descending: false })[0]?.[1]?.slice(0, 3)).toEqual(['儿科', '急诊科', '口腔科'])
  })

  it.each([
    ['a kind of place', { kind: 'ward' as const }, ['儿科']],
    ['surveys after discharge', { kind: 'after_discharge' as const }, ['儿科']],
    ['a place by name', { text: '挂号' }, ['门诊部']],
    ['English, any case', { text: ' registration ' }, ['门诊部']],
    ['nothing', { text: '不存在' }, []],
  ])('keeps only what matches %s', (_, how, want) => {
    expect(names(how).flatMap(([, ids]) => ids)).toEqual(want)
  })

  it('leaves the list it was given as it was', () => {
    const before = departments.map((u) => u.id)
    arrange(departments, hospital, { ...OPENING, sort: 'name' })
    expect(departments.map((u) => u.id)).toEqual(before)
  })
})

describe('startsDescending', () => {
  it('starts names from the beginning and figures from the top', () => {
    expect([startsDescending('name'), startsDescending('score')]).toEqual([false, true])
  })
})
