// What belongs to the device around the session: one page, awake, speaking, guarded.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createScreenI18n, messageKeys } from '../shared/i18n'
import { clauses } from './clauses'
import { localPrompt, welcome } from './fixtures'
import { guardPage } from './guard'
import { TICK_MILLIS, watchPresence } from './idle'
import { messages } from './messages'
import { groupDigits, isWholeNumber } from './phone'
import { readout } from './readout'
import { initialState, type State, step } from './session'
import { becomeActive } from './singletab'
import { chooseVoice, Reader } from './speech'
import { keepAwake } from './wakelock'

it('says everything in both languages', () => {
  expect(messageKeys(messages.en)).toEqual(messageKeys(messages.zh))
  const empty = [...Object.values(messages)].filter((m) => /:""/.test(JSON.stringify(m)))
  expect(empty).toEqual([])
})

it.each([
  ['13800138000', '138 0013 8000'],
  ['138', '138'],
  ['057382106600', '0573 8210 6600'],
  ['', ''],
])('groups %s as %s', (digits, want) => {
  expect(groupDigits(digits)).toBe(want)
})

it.each([
  ['13800138000', true],
  ['1380013800', false],
  ['057382106600', true],
  ['057382106', false],
  ['82106600', true],
  ['821066', false],
  ['', false],
])('%s is a whole number: %s', (digits, want) => {
  expect(isWholeNumber(digits)).toBe(want)
})

it.each([
  ['态度冷淡、不耐烦', ['态度冷淡、', '不耐烦']],
  ['想多说一点吗？（可多选，也可跳过）', ['想多说一点吗？', '（可多选，', '也可跳过）']],
  ['您对本次服务满意吗？', ['您对本次服务满意吗？']],
  ['Anything to add? (choose any, or skip)', ['Anything to add? (choose any, or skip)']],
])('breaks %s at its marks', (text, want) => {
  expect(clauses(text)).toEqual(want)
})

describe('one active page', () => {
  function fakeLocks() {
    let held = false
    const waiting: (() => void)[] = []
    return {
      release: () => waiting.shift()?.(),
      request: async (_: string, options: LockOptions, callback: (lock: object | null) => unknown) => {
        if (held && options.ifAvailable) return callback(null)
        if (held) await new Promise<void>((resolve) => waiting.push(resolve))
        held = true
        return callback({})
      },
    }
  }

  it('is the first; the second stands by until the first has gone', async () => {
    const locks = fakeLocks()
    const standby = vi.fn()
    await becomeActive(standby, locks as unknown as LockManager)
    expect(standby).not.toHaveBeenCalled()
    let active = false
    const second = becomeActive(standby, locks as unknown as LockManager).then(() => {
      active = true
    })
    await vi.waitFor(() => expect(standby).toHaveBeenCalledTimes(1))
    expect(active).toBe(false)
    locks.release()
    await second
    expect(active).toBe(true)
  })
})

describe('staying awake', () => {
  it('asks again when the page is seen again, and lets go at the end', async () => {
    const release = vi.fn(async () => {})
    const sentinel = { released: false, release }
    const request = vi.fn(async () => sentinel)
    const end = keepAwake(document, { request } as unknown as WakeLock)
    await vi.waitFor(() => expect(request).toHaveBeenCalledTimes(1))
    sentinel.released = true
    document.dispatchEvent(new Event('visibilitychange'))
    expect(request).toHaveBeenCalledTimes(2)
    await Promise.resolve()
    end()
    expect(release).toHaveBeenCalled()
    document.dispatchEvent(new Event('visibilitychange'))
    expect(request).toHaveBeenCalledTimes(2)
  })
})

describe('reading aloud', () => {
  const voice = (lang: string, localService: boolean) => ({ lang, localService }) as SpeechSynthesisVoice

  it('prefers a voice that needs no network', () => {
    const voices = [voice('zh-CN', false), voice('zh_CN', true), voice('zh-HK', true), voice('en-GB', true)]
    expect(chooseVoice(voices, 'zh')).toBe(voices[1])
    expect(chooseVoice(voices, 'en')).toBe(voices[3])
    expect(chooseVoice([voice('zh-HK', true)], 'zh')).toBeUndefined()
  })

  it('says when it cannot', () => {
    const states: string[] = []
    new Reader((s) => states.push(s), undefined, undefined).read(['您好'], 'zh')
    expect(states).toEqual(['unavailable'])
  })

  it('tells who asks and what can be touched, never what was chosen', () => {
    const { t } = createScreenI18n(messages)
    let state: State = step(initialState(0), { type: 'welcomed', welcome }, 0)
    state = step(state, { type: 'prompted', prompt: localPrompt('p', 60_000) }, 0)
    const said = readout(state, t)
    expect(said).toContain('满意吗？')
    expect(said.filter((s) => s.endsWith('满意'))).toEqual(['非常不满意', '不满意', '基本满意', '满意', '非常满意'])
    const low = step(state, { type: 'graded', ratingId: 'r', grade: 1 }, 1_000)
    const why = readout(step(low, { type: 'stored', ratingId: 'r' }, 1_001), t)
    expect(why).toEqual(['哪些方面？', '写几句话', '请给我回电话', '发送', '跳过'])
    state = step(state, { type: 'graded', ratingId: 'r', grade: 5 }, 1_000)
    state = step(state, { type: 'stored', ratingId: 'r' }, 1_001)
    expect(readout(state, t).join()).not.toContain('满意')
  })
})

describe('presence', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('moves time, and takes no scripted touch for a person', () => {
    const touched = vi.fn()
    const tick = vi.fn()
    const end = watchPresence({ touched, tick })
    document.dispatchEvent(new Event('pointerdown'))
    vi.advanceTimersByTime(TICK_MILLIS * 4)
    expect([touched.mock.calls.length, tick.mock.calls.length]).toEqual([0, 4])
    const real = new Event('pointerdown')
    Object.defineProperty(real, 'isTrusted', { value: true })
    document.dispatchEvent(real)
    expect(touched).toHaveBeenCalledTimes(1)
    end()
    vi.advanceTimersByTime(TICK_MILLIS)
    expect(tick).toHaveBeenCalledTimes(4)
  })
})

describe('the guard', () => {
  it('stops menus and selection, not writing', () => {
    const end = guardPage(() => {})
    const swallowed = (target: EventTarget, name: string) => {
      const event = new Event(name, { bubbles: true, cancelable: true })
      target.dispatchEvent(event)
      return event.defaultPrevented
    }
    const field = document.createElement('textarea')
    document.body.append(field)
    expect(swallowed(document.body, 'contextmenu')).toBe(true)
    expect(swallowed(document.body, 'selectstart')).toBe(true)
    expect(swallowed(field, 'selectstart')).toBe(false)
    end()
    expect(swallowed(document.body, 'contextmenu')).toBe(false)
  })

  it('turns going back into leaving the question', () => {
    const left = vi.fn()
    const end = guardPage(left)
    window.dispatchEvent(new PopStateEvent('popstate'))
    expect(left).toHaveBeenCalledTimes(1)
    end()
  })
})
