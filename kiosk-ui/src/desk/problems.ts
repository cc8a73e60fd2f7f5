// What the gateway refuses, as what the reader is to do. Every code and reason
// it knows stands here; problems.test.ts holds the lists to its source.
import { ApiError, OfflineError } from './api'
import { say, type Words } from './words'

/** Each code's message under `error`; those only programs meet have words too. */
const CODES: Readonly<Record<string, string>> = {
  already_exists: 'already_exists',
  bad_json: 'page_old',
  bad_token: 'bad_token',
  busy: 'busy',
  callback_done: 'callback_done',
  cross_origin: 'cross_origin',
  demo_clock_forbidden: 'demo_clock_forbidden',
  device_revoked: 'device_revoked',
  file_refused: 'file_refused',
  forbidden: 'forbidden',
  incomplete_body: 'network',
  internal: 'server',
  invalid_field: 'invalid_field',
  last_administrator: 'last_administrator',
  locked_out: 'locked_out',
  method_not_allowed: 'page_old',
  no_number: 'no_number',
  no_such_code: 'no_such_code',
  no_such_window: 'no_such_window',
  not_csv: 'not_csv',
  not_found: 'not_found',
  not_json: 'page_old',
  not_signed_in: 'signed_out',
  other_window: 'other_window',
  own_roles: 'own_roles',
  password_change_required: 'password_change_required',
  resource_refused: 'resource_refused',
  sign_in_failed: 'sign_in_failed',
  store_unavailable: 'store_unavailable',
  timeout: 'busy',
  too_large: 'too_large',
  too_many_requests: 'too_many_requests',
  too_many_tries: 'too_many_tries',
  too_many_waiting: 'too_many_waiting',
  transaction_conflict: 'transaction_conflict',
  weak_password: 'weak_password',
}

/** Codes of this page's own: the gateway says the same with another. */
const OWN_CODES: Readonly<Record<string, string>> = { wrong_password: 'wrong_password' }

/** Each reason's message under `error`; it says more than its code. */
const REASONS: Readonly<Record<string, string>> = {
  too_short: 'weak.too_short',
  too_long: 'weak.too_long',
  contains_username: 'weak.contains_username',
  too_common: 'weak.too_common',
  too_few_different_characters: 'weak.too_few_different_characters',
  not_text: 'weak.not_text',
  unchanged: 'weak.unchanged',
  duties_apart: 'duties_apart',
  nothing_answered: 'invalid_field',
}

export const KNOWN_CODES = Object.keys(CODES)
export const KNOWN_REASONS = Object.keys(REASONS)

/** What an error asks the reader to do. */
export function errorWords(error: unknown): Words {
  if (error instanceof OfflineError) return say(`error.${error.reason}`)
  if (!(error instanceof ApiError)) return say('error.unknown')
  if (error.code === 'locked_out') return lockWords(error.retryAfterSeconds)
  if (error.code === 'too_many_tries') return say('error.too_many_tries', { minutes: minutesOf(error) })
  if (error.code === 'internal') return serverWords(error)
  const known = REASONS[error.reason] ?? CODES[error.code] ?? OWN_CODES[error.code]
  return known ? say(`error.${known}`) : statusWords(error)
}

/** What a code nobody knows asks for: another gateway, or a proxy before it. */
function statusWords(error: ApiError): Words {
  if (error.status === 401) return say('error.signed_out')
  if (error.status === 403) return say('error.forbidden')
  if (error.status === 404) return say('error.not_found')
  if (error.status === 409) return say('error.conflict')
  if (error.status === 429) return say('error.too_many_tries', { minutes: minutesOf(error) })
  return error.status >= 500 ? serverWords(error) : say('error.refused', { code: error.code })
}

const serverWords = (error: ApiError) =>
  error.requestId ? say('error.server_id', { id: error.requestId }) : say('error.server')

const minutesOf = (error: ApiError) => Math.max(1, Math.ceil((error.retryAfterSeconds || 600) / 60))

/** How long signing in is refused. */
export function lockWords(seconds: number): Words {
  if (seconds <= 0) return say('error.locked_out')
  if (seconds < 60) return say('error.locked_out_seconds', { n: Math.ceil(seconds) })
  return say('error.locked_out_minutes', { n: Math.ceil(seconds / 60) })
}
