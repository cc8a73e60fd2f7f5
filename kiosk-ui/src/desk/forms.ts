// What a form must hold before it is sent. Each function gives the fields that
// are wrong with the key of the sentence that says how to put it right.
import type { Approval, CallbackOutcome, DeviceKind, PlaceKind } from './types'

export type Problems = Record<string, string>

export const hasProblems = (problems: Problems): boolean => Object.keys(problems).length > 0

const CODE_SIGNS = /^[23456789ABCDEFGHJKLMNPQRSTUVWXYZ]{8}$/

/**
 * The pairing code as the gateway wants it: upper case, without hyphens and
 * spaces, full-width signs made plain. I, O, 0 and 1 are not in the alphabet;
 * they are left in place, so that the form can point at them.
 */
export function normalCode(typed: string): string {
  return typed
    .normalize('NFKC')
    .toUpperCase()
    .replace(/[\s\-–—]/g, '')
}

/** The code as the screen shows it: K7PM-3XQ2. */
export function shownCode(typed: string): string {
  const code = normalCode(typed).slice(0, 8)
  return code.length > 4 ? `${code.slice(0, 4)}-${code.slice(4)}` : code
}

export function placeKindOf(kind: DeviceKind): PlaceKind | '' {
  const kinds: Record<DeviceKind, PlaceKind | ''> = {
    window_tablet: 'window',
    bedside_tablet: 'ward',
    lobby_tablet: 'lobby',
    wall_board: '',
  }
  return kinds[kind]
}

export const MAX_NAME = 80

export function checkName(name: string): string {
  if (name.trim() === '') return 'form.name_missing'
  return [...name.trim()].length > MAX_NAME ? 'form.name_long' : ''
}

export function checkApproval(a: Approval): Problems {
  const problems: Problems = {}
  const code = normalCode(a.code)
  if (code === '') problems.code = 'form.code_missing'
  else if (/[IO01]/.test(code)) problems.code = 'form.code_lookalike'
  else if (!CODE_SIGNS.test(code)) problems.code = 'form.code_length'
  if (placeKindOf(a.kind) !== '' && !a.place) problems.place = 'form.place_missing'
  const name = checkName(a.name)
  if (name) problems.name = name
  return problems
}

/** The body to send: nothing that its kind has no use for. */
export function approvalBody(a: Approval): Approval {
  const body: Approval = { code: normalCode(a.code), kind: a.kind, name: a.name.trim(), mirrored: a.mirrored }
  if (placeKindOf(a.kind) === '') return { ...body, mirrored: false }
  if (a.place) body.place = a.place
  if (a.kind === 'bedside_tablet' && a.bed) body.bed = a.bed
  return body
}

export const MIN_PASSWORD = 12

export function checkPassword(current: string, next: string, again: string): Problems {
  const problems: Problems = {}
  if (current === '') problems.current = 'form.password_current_missing'
  if ([...next].length < MIN_PASSWORD) problems.next = 'form.password_short'
  else if (next === current) problems.next = 'form.password_same'
  if (again !== next) problems.again = 'form.password_differs'
  return problems
}

export interface AccountForm {
  username: string
  name: string
  roles: string[]
  department: string
}

const USERNAME = /^[\p{L}\p{N}._-]{1,40}$/u

/** `own` are the roles that are limited to a department. */
export function checkAccount(a: AccountForm, own: readonly string[]): Problems {
  const problems: Problems = {}
  if (!USERNAME.test(a.username)) problems.username = 'form.username_shape'
  const name = checkName(a.name)
  if (name) problems.name = name
  if (a.roles.length === 0) problems.roles = 'form.roles_missing'
  if (a.department === '' && a.roles.some((r) => own.includes(r))) problems.department = 'form.department_needed'
  return problems
}

export interface TokenForm {
  label: string
  all: boolean
  windows: string[]
}

export function checkToken(f: TokenForm): Problems {
  const problems: Problems = {}
  const label = checkName(f.label)
  if (label) problems.label = label
  if (!f.all && f.windows.length === 0) problems.windows = 'form.windows_missing'
  return problems
}

export interface OutcomeForm {
  outcome: CallbackOutcome | ''
  note: string
  close: boolean
}

export const MAX_NOTE = 2000

/** A patient who was reached said something; that is what the note is for. */
export function checkOutcome(f: OutcomeForm): Problems {
  const problems: Problems = {}
  if (f.outcome === '') problems.outcome = 'form.outcome_missing'
  if (f.outcome === 'reached' && f.note.trim() === '') problems.note = 'form.note_reached'
  if ([...f.note].length > MAX_NOTE) problems.note = 'form.note_long'
  return problems
}

export function checkNote(note: string): Problems {
  if (note.trim() === '') return { note: 'form.note_missing' }
  return [...note].length > MAX_NOTE ? { note: 'form.note_long' } : {}
}

/** The call a window's system makes, ready to paste. */
export function curlExample(origin: string, window: string, kind: string, token: string): string {
  return [
    `curl -X POST ${origin}/api/v1/windows/${window}/transactions \\`,
    `  -H 'Authorization: Bearer ${token}' \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d '{"transaction":"88121","kind":"${kind}","staff":"1024"}'`,
  ].join('\n')
}
