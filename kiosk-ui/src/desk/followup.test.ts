import { describe, expect, it } from 'vitest'
import {
  budgetUsed,
  carrierState,
  type DispositionRow,
  partsOf,
  priceWords,
  rateWords,
  segmentWords,
  usedStates,
  weekOf,
  yuan,
} from './followup'
import { checkFile, half, shownPayload } from './intake'
import { sectionsFor } from './permissions'

const plan = { visits: 3, least_segments: 3, most_segments: 3, least_fen: 15, most_fen: 15 }
const row = (more: Partial<DispositionRow>): DispositionRow => ({
  mode: 'sms_reply',
  invitations: 3,
  offered: 3,
  answered: 1,
  response_rate: 1 / 3,
  states: {},
  ...more,
})

describe('the follow-up’s figures', () => {
  it.each([
    [0, '0.00'],
    [5, '0.05'],
    [123_456, '1234.56'],
  ])('says %i fen as %s yuan', (fen, text) => expect(yuan(fen)).toBe(text))
  it('never says zero where nobody was asked', () => {
    expect(rateWords(0, 0).key).toBe('followup.no_data')
    expect(rateWords(0, 8)).toEqual({ key: 'followup.rate', with: { percent: '0.0', answered: 0, offered: 8 } })
    expect(rateWords(1, 3).with.percent).toBe('33.3')
  })
  it('gives a price as a range only where it is one', () => {
    expect(priceWords(plan)).toEqual({ key: 'followup.yuan', with: { yuan: '0.15' } })
    expect(priceWords({ ...plan, most_fen: 90 }).with).toEqual({ least: '0.15', most: '0.90' })
    expect(segmentWords(plan).key).toBe('followup.segments')
    expect(segmentWords({ ...plan, most_segments: 9 }).with).toEqual({ least: 3, most: 9 })
  })
  it('shows the states that occur, in the gateway’s order', () => {
    expect(usedStates([row({ states: { complete: 1, partial: 0 } }), row({ states: { queued: 2 } })])).toEqual([
      'queued',
      'complete',
    ])
  })
  it('names weeks as ISO 8601 does', () => {
    expect(weekOf(row({ year: 2027, week: 1 }))).toBe('2027-W01')
    expect(weekOf(row({}))).toBe('')
  })
  it('uses a budget up at most', () => {
    expect(budgetUsed(50, 200)).toBe(0.25)
    expect(budgetUsed(300, 200)).toBe(1)
    expect(budgetUsed(300, undefined)).toBeUndefined()
  })
})

describe('the follow-up’s parts', () => {
  it.each([
    ['an officer', ['followup.view', 'followup.work'], true, ['', 'dry-run', 'replies', 'numbers']],
    ['an administrator', ['followup.view', 'followup.manage'], true, ['', 'dry-run']],
    ['a department head', ['followup.view'], false, ['']],
    ['who only reads replies', ['followup.work'], false, ['replies', 'numbers']],
  ])('%s opens those the account allows', (_, permissions, office, parts) => {
    expect(partsOf(permissions, office)).toEqual(parts)
  })
  it('are hidden where the gateway has none', () => {
    const permissions = ['followup.view', 'intake.work']
    expect(sectionsFor(permissions)).toEqual(['overview', 'me'])
    expect(sectionsFor(permissions, ['followup', 'intake'])).toEqual(['overview', 'followup', 'intake', 'me'])
  })
  it('say what stands in the way', () => {
    const of = (...carriers: object[]) => carrierState({ audience: 'office', carriers: carriers as never })
    expect(of()).toBe('none')
    expect(of({ simulated: true })).toBe('simulated')
    expect(of({ simulated: true }, { simulated: false })).toBe('real')
    expect(of({ simulated: true, halted_at: '2026-11-21T02:00:00.000Z' })).toBe('halted')
  })
})

describe('the intake', () => {
  it.each([
    [undefined, 'intake.file_missing'],
    [{ size: 0 }, 'intake.file_empty'],
    [{ size: 11 }, 'intake.file_large'],
    [{ size: 10 }, ''],
  ])('finds %o to be %s', (file, key) => expect(checkFile(file, 10)).toBe(key))
  it('shows HL7 one segment a line', () => expect(shownPayload('MSH|\rPID|\r\nPV1|')).toBe('MSH|\nPID|\nPV1|'))
  it('takes the reader’s half of a message', () => {
    expect([half('没有表头 / no header', 'zh'), half('没有表头 / no header', 'en'), half('odd', 'en')]).toEqual([
      '没有表头',
      'no header',
      'odd',
    ])
  })
})
