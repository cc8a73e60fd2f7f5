// An entry of the audit log as a sentence: who did what to which thing, and
// what is worth knowing of it. The log keeps ids; the words are made here.
import type { AuditEntry } from './types'

/** Something to be worded: by a message key, by a name looked up, or as it stands. */
export type Part =
  | { is: 'text'; text: string }
  | { is: 'words'; key: string }
  | { is: 'person'; name: string; username: string }
  | { is: 'role' | 'place' | 'department'; id: string }

export interface AuditFact {
  /** Key of the label. */
  label: string
  values: Part[]
}

export interface Told {
  /** Key of the sentence; it takes {who} and {what}. */
  sentence: string
  who: Part
  what: Part
  facts: AuditFact[]
}

/** Actions whose sentences the desk knows; each is a key below `audit.did`. */
export const ACTIONS = [
  'account.create',
  'account.change',
  'account.unlock',
  'account.reset_password',
  'account.change_password',
  'account.rehash_password',
  'sign_in',
  'sign_in.unknown',
  'sign_in.locked',
  'callback.reveal_phone',
  'callback.outcome',
  'device.enrol',
  'device.update',
  'device.revoke',
  'device.shared_key',
  'device.clear_shared_key',
  'token.create',
  'token.revoke',
  'set_aside.open',
  'set_aside.resolve',
  'followup.start',
  'followup.pause',
  'carrier.resume',
  'demo_clock.move',
  'reply.open',
  'opt_out.undo',
  'opt_out.record',
  'suppression.lift',
  'rejected_message.open',
  'rejected_message.resolve',
  'unknown_place.forget',
  'intake.upload',
  'clue.open',
  'store.rebuild_counts',
] as const

export const didKey = (action: string) => `audit.did.${action.replaceAll('.', '_')}`

/** Who acts when no person does. */
const PROGRAMS = ['', 'system', 'gateway']

export function tell(e: AuditEntry): Told {
  return { sentence: sentenceOf(e), who: whoOf(e), what: whatOf(e), facts: factsOf(e) }
}

function sentenceOf(e: AuditEntry): string {
  if (!(ACTIONS as readonly string[]).includes(e.action)) return 'audit.did.other'
  if (e.action === 'sign_in.locked' && e.subject === '') return 'audit.did.sign_in_locked_unknown'
  const change = e.action === 'account.change' ? asObject(e.detail) : undefined
  if (change && Object.keys(change).join() === 'disabled')
    return Object.values(change)[0] === true ? 'audit.did.account_disable' : 'audit.did.account_enable'
  return didKey(e.action)
}

function whoOf(e: AuditEntry): Part {
  if (PROGRAMS.includes(e.actor)) return { is: 'words', key: 'audit.system' }
  if (e.actor === 'console') return { is: 'words', key: 'audit.console' }
  return e.actor_name ? { is: 'person', name: e.actor_name, username: e.actor } : { is: 'text', text: e.actor }
}

function whatOf(e: AuditEntry): Part {
  if (e.subject_name) return { is: 'text', text: e.subject_name }
  // The end of a long id is what tells it from its neighbours.
  return { is: 'text', text: e.subject.length > 12 ? `…${e.subject.slice(-6)}` : e.subject }
}

function factsOf(e: AuditEntry): AuditFact[] {
  if (e.detail === '') return []
  const raw: AuditFact = { label: 'audit.fact.detail', values: [{ is: 'text', text: e.detail }] }
  switch (e.action) {
    case 'account.create':
      return listFact('audit.fact.roles', 'role', e.detail) ?? [raw]
    case 'token.create':
      return listFact('audit.fact.windows', 'place', e.detail, 'tokens.windows_all') ?? [raw]
    case 'callback.outcome':
      return [{ label: 'audit.fact.outcome', values: [{ is: 'words', key: `callbacks.outcome.${e.detail}` }] }]
    case 'device.enrol':
    case 'device.update':
      return deviceFacts(e.detail)
  }
  const change = e.action.startsWith('account.') ? asObject(e.detail) : undefined
  return change ? accountFacts(e, change) : [raw]
}

function listFact(label: string, is: 'role' | 'place', detail: string, none = 'common.none'): AuditFact[] | undefined {
  const list = asStrings(parsed(detail))
  if (!list) return undefined
  return [{ label, values: list.length > 0 ? list.map((id) => ({ is, id })) : [{ is: 'words', key: none }] }]
}

/** "window_tablet settlement-1"; a wall board stands nowhere. */
function deviceFacts(detail: string): AuditFact[] {
  const [kind = '', place = ''] = detail.split(' ')
  const facts: AuditFact[] = [{ label: 'audit.fact.kind', values: [{ is: 'words', key: `kind.${kind}` }] }]
  if (place) facts.push({ label: 'audit.fact.place', values: [{ is: 'place', id: place }] })
  return facts
}

function accountFacts(e: AuditEntry, change: Record<string, unknown>): AuditFact[] {
  const facts: AuditFact[] = []
  const words = (label: string, key: string) => facts.push({ label, values: [{ is: 'words', key }] })
  for (const [name, value] of Object.entries(change)) {
    const roles = asStrings(value)
    if (name === 'name') words('audit.fact.name', 'audit.fact.changed')
    else if (name === 'roles' && roles)
      facts.push({ label: 'audit.fact.roles', values: roles.map((id) => ({ is: 'role', id })) })
    else if (name === 'department' && value === '') words('audit.fact.department', 'accounts.department_all')
    else if (name === 'department')
      facts.push({ label: 'audit.fact.department', values: [{ is: 'department', id: String(value) }] })
    else if (name === 'disabled') words('audit.fact.state', `accounts.state.${value === true ? 'disabled' : 'active'}`)
    else if (name !== 'password')
      facts.push({ label: 'audit.fact.detail', values: [{ is: 'text', text: `${name}: ${JSON.stringify(value)}` }] })
    else if (e.action === 'account.change') words('audit.fact.password', 'audit.fact.changed')
  }
  // What the sentence says already need not be said again.
  return facts.length === 1 && facts[0]?.label === 'audit.fact.state' ? [] : facts
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function asStrings(value: unknown): string[] | undefined {
  return Array.isArray(value) && value.every((v) => typeof v === 'string') ? value : undefined
}

function asObject(text: string): Record<string, unknown> | undefined {
  const value = parsed(text)
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}
