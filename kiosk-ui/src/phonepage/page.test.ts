import { describe, expect, it, vi } from 'vitest'
import { messageKeys } from '../shared/i18n'
import { createSurveyApi } from './api'
import { deviceId } from './device'
import { codeDigits, cut, entriesOf, firstOpen, grouped, phoneLike } from './form'
import { createLanguages, say } from './language'
import { leavingIn } from './lobby'
import { messages } from './messages'
import type { Survey } from './wire'

const json = (status: number, body: unknown) => async () => new Response(JSON.stringify(body), { status })
const save = { id: 'x', answers: [] }
const away = { kind: 'away', waitSeconds: 0, tooMany: false }

describe('what the network answers', () => {
  const saved = { outcome: 'stored', state: 'open' }
  const cases: [string, typeof fetch, unknown][] = [
    ['stored', json(200, saved) as typeof fetch, { kind: 'ok', value: saved }],
    [
      'a sign-in page with 200',
      (async () => new Response('<html>Welcome to the airport</html>')) as typeof fetch,
      away,
    ],
    ['other JSON with 200', json(200, { status: 'ok' }) as typeof fetch, away],
    ['an empty 200', (async () => new Response('')) as typeof fetch, away],
    ['another 201', json(201, saved) as typeof fetch, away],
    ['a token that is none', json(401, { code: 'bad_token' }) as typeof fetch, { kind: 'gone' }],
    ['a 401 of somebody else', json(401, { error: 'proxy' }) as typeof fetch, away],
    ['a body that is null', json(401, null) as typeof fetch, away],
    ['refused', json(422, { code: 'invalid_field' }) as typeof fetch, { kind: 'refused' }],
    ['busy', json(503, { code: 'busy', retry_after_seconds: 3 }) as typeof fetch, { ...away, waitSeconds: 3 }],
    ['no network', (() => Promise.reject(new TypeError('failed'))) as typeof fetch, away],
  ]
  it.each(cases)('%s', async (_, fetcher, want) => {
    expect(await createSurveyApi(fetcher).save('t', save)).toEqual(want)
  })

  it('sends the token in a header alone', async () => {
    const fetcher = vi.fn(json(200, saved))
    await createSurveyApi(fetcher as unknown as typeof fetch).save('secret-token', save)
    const [url, init] = fetcher.mock.calls[0] as unknown as [string, RequestInit]
    expect(url + init.body).not.toContain('secret')
    expect(init).toMatchObject({
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'error',
      headers: { Authorization: 'Bearer secret-token' },
    })
  })

  it('takes only a token for the answer to a code', async () => {
    const exchange = (status: number, body: unknown) =>
      createSurveyApi(json(status, body) as typeof fetch).exchange('1', 'd')
    expect(await exchange(200, { token: 'AbCdEfGhIjKlMnOpQrStUv' })).toEqual({
      kind: 'ok',
      value: 'AbCdEfGhIjKlMnOpQrStUv',
    })
    expect(await exchange(200, { token: '../desk' })).toEqual(away)
    expect(await exchange(404, { code: 'no_such_code' })).toEqual({ kind: 'wrong_code' })
    expect(await exchange(404, { code: 'not_found' })).toEqual(away)
    expect(await exchange(429, { code: 'too_many_tries', retry_after_seconds: 600 })).toEqual({
      kind: 'away',
      waitSeconds: 600,
      tooMany: true,
    })
  })
})

describe('what stands on the page', () => {
  const text = { zh: '', en: '' }
  const survey = {
    answers: [
      { question: 'a', value: 2, final: true },
      { question: 'b', value: 1 },
      { question: 'old', value: 1 },
    ],
    form: {
      questions: [
        { id: 'a', kind: 'scale', overall: true, text },
        { id: 'b', kind: 'scale', text },
        { id: 'c', kind: 'text', optional: true, text },
        { id: 'd', kind: 'scale', text },
      ],
    },
  } as unknown as Survey
  const waiting = [
    {
      id: '1',
      answers: [
        { question: 'a', value: 5 },
        { question: 'b', value: 0 },
      ],
    },
  ]

  it('is what the gateway has and what still waits, but for what is final', () => {
    expect(entriesOf(survey, waiting)).toEqual({ a: { value: 2, final: true }, b: { value: 0 } })
  })

  it('begins at the first question that needs an answer, then at one that may have one', () => {
    const { questions } = survey.form
    expect(firstOpen(questions, {})).toBe(0)
    expect(firstOpen(questions, entriesOf(survey, []))).toBe(3)
    expect(firstOpen(questions, { a: { value: 1 }, b: { value: 0 }, d: { value: 1 } })).toBe(2)
    expect(firstOpen(questions, { a: { value: 1 }, b: { value: 0 }, c: { text: 'x' }, d: { value: 1 } })).toBe(4)
  })

  it('counts characters as the gateway does', () => {
    expect(cut('😀😀😀', 2)).toBe('😀😀')
    expect(cut('请', 2)).toBe('请')
  })

  it('reads a code however it is typed', () => {
    expect(codeDigits(' ４０７１-8265 99')).toBe('40718265')
    expect(grouped('40718265')).toBe('4071 8265')
    expect(grouped('4071')).toBe('4071')
    expect(grouped('1234567812345678')).toBe('1234 5678 1234 5678')
  })

  it.each([
    ['13800138000', true],
    ['(010) 5550-1001', true],
    ['+86 138 0013 8000', true],
    ['1234', false],
    ['call me', false],
    ['1'.repeat(21), false],
  ])('%s as a phone number: %s', (typed, want) => expect(phoneLike(typed)).toBe(want))
})

describe('a lobby screen', () => {
  it('goes back when nobody touches it, later while somebody writes', () => {
    expect(leavingIn('code', 0)).toBeNull()
    expect(leavingIn('code', 9_000)).toBeNull()
    expect(leavingIn('code', 12_500)).toBe(8)
    expect(leavingIn('code', 20_000)).toBe(0)
    expect(leavingIn('code', 99_000)).toBe(0)
    expect(leavingIn('typing_code', 20_000)).toBeNull()
    expect(leavingIn('writing', 100_000)).toBeNull()
  })
})

describe('the browser of a phone', () => {
  it('has one number, and none of it matters where storage refuses', () => {
    const storage = new Map<string, string>()
    const store = {
      getItem: (k: string) => storage.get(k) ?? null,
      setItem: (k: string, v: string) => void storage.set(k, v),
    }
    const id = '019367c5-8b1e-7d3a-9c5e-0123456789ab'
    expect(deviceId(store, () => id)).toBe(id)
    expect(deviceId(store, () => 'other')).toBe(id)
    const refuse = () => {
      throw new Error('denied')
    }
    expect(deviceId({ getItem: refuse, setItem: refuse }, () => id)).toBe(id)
  })
})

describe('the words', () => {
  it('are the same in both languages', () => {
    expect(messageKeys(messages.en)).toEqual(messageKeys(messages.zh))
  })

  it('are filled in, and a key without words is seen', () => {
    expect(say('zh', 'progress', { n: 3, of: 19 })).toBe('第3题，共19题')
    expect(say('en', 'progress', { n: 3 })).toBe('Question 3 of {of}')
    expect(say('en', 'call.none.such')).toBe('call.none.such')
  })

  it('are in the language that was chosen, kept where it may be', () => {
    localStorage.clear()
    const first = createLanguages(localStorage)
    expect([first.language.value, first.chosen(), document.documentElement.lang]).toEqual(['zh', false, 'zh-CN'])
    first.set('en')
    expect(document.documentElement.lang).toBe('en')
    const second = createLanguages(localStorage)
    expect([second.language.value, second.chosen()]).toEqual(['en', true])
    expect(createLanguages(null).language.value).toBe('zh')
  })
})
