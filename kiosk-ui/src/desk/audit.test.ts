import { describe, expect, it } from 'vitest'
import { messageKeys } from '../shared/i18n'
import { ACTIONS, didKey, tell } from './audit'
import zh from './messages/zh'
import type { AuditEntry } from './types'

const entry = (action: string, subject = '', detail = '', more: Partial<AuditEntry> = {}): AuditEntry => ({
  sequence: 1,
  at: '2026-11-21T02:42:07.120Z',
  actor: 'zhangmin',
  action,
  subject,
  detail,
  ...more,
})

describe('an entry of the audit log', () => {
  it('has a sentence for every action the gateway writes', () => {
    const keys = messageKeys(zh)
    expect(ACTIONS.map(didKey).filter((k) => !keys.includes(k))).toEqual([])
  })

  it.each([
    [
      'a person',
      entry('sign_in', '', '', { actor_name: '张敏' }),
      { is: 'person', name: '张敏', username: 'zhangmin' },
    ],
    ['a person who left', entry('sign_in'), { is: 'text', text: 'zhangmin' }],
    ['the gateway', entry('device.shared_key', 'd', '', { actor: 'gateway' }), { is: 'words', key: 'audit.system' }],
    ['the console', entry('account.create', '1', '[]', { actor: 'console' }), { is: 'words', key: 'audit.console' }],
  ])('says that %s did it', (_, e, who) => expect(tell(e).who).toEqual(who))

  it.each([
    ['41', undefined, '41'],
    ['5', '李娜', '李娜'],
    ['019aa5c2-7d10-7c44-9b1e-000000000906', undefined, '…000906'],
  ])('calls subject %s, named %s, %s', (subject, name, text) => {
    expect(tell(entry('x', subject, '', name ? { subject_name: name } : {})).what).toEqual({ is: 'text', text })
  })

  it.each([
    ['account.change', '{"disabled":true}', 'audit.did.account_disable', []],
    ['account.change', '{"disabled":false}', 'audit.did.account_enable', []],
    [
      'account.change',
      '{"department":"","disabled":true,"name":"changed","roles":["head","officer"]}',
      'audit.did.account_change',
      [
        { label: 'audit.fact.department', values: [{ is: 'words', key: 'accounts.department_all' }] },
        { label: 'audit.fact.state', values: [{ is: 'words', key: 'accounts.state.disabled' }] },
        { label: 'audit.fact.name', values: [{ is: 'words', key: 'audit.fact.changed' }] },
        {
          label: 'audit.fact.roles',
          values: [
            { is: 'role', id: 'head' },
            { is: 'role', id: 'officer' },
          ],
        },
      ],
    ],
    ['account.reset_password', '{"password":"changed"}', 'audit.did.account_reset_password', []],
    [
      'account.create',
      '["window_operator"]',
      'audit.did.account_create',
      [{ label: 'audit.fact.roles', values: [{ is: 'role', id: 'window_operator' }] }],
    ],
    [
      'token.create',
      '[]',
      'audit.did.token_create',
      [{ label: 'audit.fact.windows', values: [{ is: 'words', key: 'tokens.windows_all' }] }],
    ],
    [
      'callback.outcome',
      'reached',
      'audit.did.callback_outcome',
      [{ label: 'audit.fact.outcome', values: [{ is: 'words', key: 'callbacks.outcome.reached' }] }],
    ],
    [
      'device.enrol',
      'wall_board ',
      'audit.did.device_enrol',
      [{ label: 'audit.fact.kind', values: [{ is: 'words', key: 'kind.wall_board' }] }],
    ],
    [
      'letter.sign',
      'whatever',
      'audit.did.other',
      [{ label: 'audit.fact.detail', values: [{ is: 'text', text: 'whatever' }] }],
    ],
    [
      'token.create',
      'broken',
      'audit.did.token_create',
      [{ label: 'audit.fact.detail', values: [{ is: 'text', text: 'broken' }] }],
    ],
  ])('tells %s %s', (action, detail, sentence, facts) => {
    const told = tell(entry(action, '5', detail))
    expect([told.sentence, told.facts]).toEqual([sentence, facts])
  })

  it('does not name an account that there is not', () => {
    expect(tell(entry('sign_in.locked')).sentence).toBe('audit.did.sign_in_locked_unknown')
    expect(tell(entry('sign_in.locked', '5')).sentence).toBe('audit.did.sign_in_locked')
  })
})
