import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { messageKeys } from '../shared/i18n'
import { ApiError, OfflineError } from './api'
import en from './messages/en'
import zh from './messages/zh'
import { errorWords, KNOWN_CODES, KNOWN_REASONS, lockWords } from './problems'

const GATEWAY = resolve(import.meta.dirname, '../../../gateway/internal')

/** What the pattern's group finds in a package of the gateway, each once, in order. */
function inSource(folder: string, pattern: RegExp): string[] {
  const files = readdirSync(resolve(GATEWAY, folder)).filter((f) => f.endsWith('.go') && !f.endsWith('_test.go'))
  const text = files.map((f) => readFileSync(resolve(GATEWAY, folder, f), 'utf8')).join('\n')
  return [...new Set([...text.matchAll(pattern)].map(([, found]) => found ?? ''))].sort()
}

describe('the gateway’s problems', () => {
  it('are all known by their codes, and no others', () => {
    const codes = inSource('httpapi', /refuse\(\s*http\.Status\w+,\s*"(\w+)"/g)
    expect(codes).toContain('own_roles')
    expect([...KNOWN_CODES].sort()).toEqual(codes)
  })
  it('are made in the one way that is looked for', () => {
    const made = inSource('httpapi', /^.*?(\b(?:refuse\(|problem\{).*)$/gm)
    expect(made.filter((line) => !/^refuse\(http\.Status\w+, "/.test(line))).toEqual([
      'problem{status: status, code: code, message: zh + " / " + en}',
      'refuse(status int, code, zh, en string) *problem {',
    ])
  })
  it('are known by their reasons', () => {
    const weak = inSource('auth', /^\s*Password\w+\s+PasswordProblem = "(\w+)"/gm)
    const others = inSource('httpapi', /\.because\("(\w+)"\)/g)
    expect(weak).toContain('too_short')
    expect([...KNOWN_REASONS].sort()).toEqual([...weak, ...others].sort())
  })
  it('all have words', () => {
    const keys = messageKeys(zh)
    const said = [
      ...KNOWN_CODES.map((code) => errorWords(new ApiError(400, code, ''))),
      ...KNOWN_REASONS.map((reason) => errorWords(new ApiError(422, 'weak_password', '', '', 0, reason))),
    ].map((words) => words.key)
    expect(said.filter((key) => !keys.includes(key))).toEqual([])
    expect(said).not.toContain('error.refused')
    expect(messageKeys(en)).toEqual(keys)
  })
})

describe('an error', () => {
  it.each([
    [new OfflineError('network'), 'error.network'],
    [new OfflineError('timeout'), 'error.timeout'],
    [new ApiError(404, 'no_such_code', ''), 'error.no_such_code'],
    [new ApiError(404, 'whatever', ''), 'error.not_found'],
    [new ApiError(403, 'forbidden', ''), 'error.forbidden'],
    [new ApiError(409, 'whatever', ''), 'error.conflict'],
    [new ApiError(409, 'own_roles', ''), 'error.own_roles'],
    [new ApiError(422, 'invalid_field', '', '', 0, 'duties_apart'), 'error.duties_apart'],
    [new ApiError(403, 'password_change_required', ''), 'error.password_change_required'],
    [new ApiError(401, 'wrong_password', ''), 'error.wrong_password'],
    [new ApiError(503, 'timeout', '', '7f3a'), 'error.busy'],
    [new ApiError(500, 'internal', ''), 'error.server'],
    [new ApiError(422, 'weak_password', '', '', 0, 'too_common'), 'error.weak.too_common'],
    [new ApiError(422, 'weak_password', '', '', 0, 'new_rule'), 'error.weak_password'],
    [new ApiError(500, 'internal', '', '7f3a'), 'error.server_id'],
    [new ApiError(502, 'http_502', ''), 'error.server'],
    [new ApiError(422, 'invalid_field', ''), 'error.invalid_field'],
    [new ApiError(418, 'whatever', ''), 'error.refused'],
    [new TypeError('bug'), 'error.unknown'],
  ])('%s asks for %s', (error, key) => expect(errorWords(error).key).toBe(key))

  it('says how long a lock-out lasts, rounded up', () => {
    expect(errorWords(new ApiError(429, 'locked_out', '', '', 841))).toEqual({
      key: 'error.locked_out_minutes',
      with: { n: 15 },
    })
    expect(lockWords(59)).toEqual({ key: 'error.locked_out_seconds', with: { n: 59 } })
    expect(lockWords(0)).toEqual({ key: 'error.locked_out', with: {} })
  })
})
