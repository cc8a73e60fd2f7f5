import { type Contact, isContact, isSaved, isSurvey, type Save, type Saved, type Survey, tokenOf } from './wire'

/** A network that has not answered by then has not answered. */
export const ANSWER_MILLIS = 20_000

/** What became of a request; `away` is everything that another try may mend. */
export type Result<T> =
  | { kind: 'ok'; value: T }
  | { kind: 'gone' }
  | { kind: 'wrong_code' }
  | { kind: 'refused' }
  | { kind: 'away'; waitSeconds: number; tooMany: boolean }

const AWAY = { kind: 'away', waitSeconds: 0, tooMany: false } as const

interface Asked<T> {
  method: 'GET' | 'POST'
  path: string
  token?: string
  body?: unknown
  read: (answer: unknown) => T | null
}

/** The phone page's requests. Nothing is thrown: each gives a Result. */
export function createSurveyApi(fetcher: typeof fetch) {
  async function ask<T>({ method, path, token, body, read }: Asked<T>): Promise<Result<T>> {
    let status: number
    let answer: unknown
    try {
      const response = await fetcher(path, {
        method,
        headers: {
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        credentials: 'omit',
        cache: 'no-store',
        redirect: 'error',
        signal: AbortSignal.timeout(ANSWER_MILLIS),
      })
      status = response.status
      answer = await response.json()
    } catch {
      return AWAY
    }
    if (status === 200) {
      const value = read(answer)
      return value === null ? AWAY : { kind: 'ok', value }
    }
    return failure(status, answer)
  }

  const only =
    <T>(is: (x: unknown) => x is T) =>
    (x: unknown) =>
      is(x) ? x : null

  return {
    survey: (token: string): Promise<Result<Survey>> =>
      ask({ method: 'GET', path: '/api/v1/survey', token, read: only(isSurvey) }),
    save: (token: string, body: Save): Promise<Result<Saved>> =>
      ask({ method: 'POST', path: '/api/v1/survey/saves', token, body, read: only(isSaved) }),
    contact: (): Promise<Result<Contact>> =>
      ask({ method: 'GET', path: '/api/v1/survey/contact', read: only(isContact) }),
    exchange: (code: string, device: string): Promise<Result<string>> =>
      ask({
        method: 'POST',
        path: '/api/v1/survey/code',
        body: { code, device },
        read: (x) => tokenOf(x) || null,
      }),
  }
}

export type SurveyApi = ReturnType<typeof createSurveyApi>

/** Only a refusal in the gateway's own words is one; the status alone could be anybody's. */
function failure(status: number, answer: unknown): Result<never> {
  const { code, retry_after_seconds: wait } = (answer ?? {}) as { code?: unknown; retry_after_seconds?: unknown }
  if (status === 401 && code === 'bad_token') return { kind: 'gone' }
  if (status === 404 && code === 'no_such_code') return { kind: 'wrong_code' }
  if (status === 422 && code === 'invalid_field') return { kind: 'refused' }
  const waitSeconds = typeof wait === 'number' && wait > 0 ? wait : 0
  return { kind: 'away', waitSeconds, tooMany: status === 429 && code === 'too_many_tries' }
}
