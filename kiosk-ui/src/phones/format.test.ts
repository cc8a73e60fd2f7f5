import { describe, expect, it } from 'vitest'
import { messageKeys } from '../shared/i18n'
import { dayOf, pieces, readNumber, shortOf, showNumber, timeOf } from './format'
import { messages } from './messages'
import { FAILURES } from './wire'

const zh = { language: 'zh', zone: 'Asia/Shanghai' } as const
const en = { language: 'en', zone: 'Asia/Shanghai' } as const

describe('numbers', () => {
  it.each([
    ['+8613800138000', '138 0013 8000'],
    ['+447700900123', '+447700900123'],
    ['+86106900', '+86106900'],
  ])('%s is shown as %s', (e164, shown) => expect(showNumber(e164)).toBe(shown))

  it.each([
    ['13800138000', '+8613800138000'],
    ['138 0013-8000', '+8613800138000'],
    ['１３８００１３８０００', '+8613800138000'],
    ['+44 7700 900123', '+447700900123'],
    ['+0447700900123', undefined],
    ['1380013800', undefined],
    ['call me', undefined],
    ['', undefined],
  ])('%s is read as %s', (typed, e164) => expect(readNumber(typed)).toBe(e164))
})

describe('times', () => {
  it('are the hospital’s, wherever the page is open', () => {
    expect(timeOf('2026-03-05T02:00:00.000Z', zh)).toBe('10:00')
    expect(timeOf('2026-03-05T16:05:00.000Z', en)).toBe('00:05')
    expect(dayOf('2026-03-05T16:05:00.000Z', zh)).toBe('3月6日星期五')
    expect(dayOf('2026-03-05T16:05:00.000Z', en)).toBe('Friday, Mar 6')
  })
  it('of another day than the newest are dates', () => {
    expect(shortOf('2026-03-05T02:00:00.000Z', '2026-03-05T09:00:00.000Z', zh)).toBe('10:00')
    expect(shortOf('2026-03-05T02:00:00.000Z', '2026-03-05T16:05:00.000Z', zh)).toBe('3/5')
  })
  it('that are none are empty', () => expect(timeOf('', zh)).toBe(''))
})

describe('links in texts', () => {
  it.each([
    ['【清风医院】请回复1至5', ['【清风医院】请回复1至5'], []],
    ['点 https://q.example/s/abc 评价', ['点 ', 'https://q.example/s/abc', ' 评价'], ['https://q.example/s/abc']],
    ['点https://q.example/s/abc，谢谢', ['点', 'https://q.example/s/abc', '，谢谢'], ['https://q.example/s/abc']],
    ['See http://q.example.', ['See ', 'http://q.example', '.'], ['http://q.example']],
    ['javascript:alert(1)', ['javascript:alert(1)'], []],
  ])('%s', (text, parts, links) => {
    const found = pieces(text)
    expect(found.map((p) => p.text)).toEqual(parts)
    expect(found.flatMap((p) => (p.href ? [p.href] : []))).toEqual(links)
  })
})

describe('words', () => {
  it('are there in both languages', () => expect(messageKeys(messages.en)).toEqual(messageKeys(messages.zh)))
  it('name every failure', () => {
    for (const f of FAILURES) expect(Object.keys(messages.zh.failure)).toEqual(expect.arrayContaining([f, `${f}_hint`]))
  })
})
