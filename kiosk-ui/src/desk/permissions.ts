// Which sections a permission opens. The gateway decides again on every
// request; this only keeps the rail honest.

export type SectionId =
  | 'overview'
  | 'callbacks'
  | 'followup'
  | 'intake'
  | 'devices'
  | 'accounts'
  | 'tokens'
  | 'set-aside'
  | 'audit'
  | 'questionnaires'
  | 'me'

interface Rule {
  id: SectionId
  /** Any one of these opens the section; none listed: open to everybody signed in. */
  needs: readonly string[]
  /** The key after `g` that goes there. */
  key: string
  /** The gateway has this part or has not, and says so in the session. */
  optional?: boolean
}

export const SECTIONS: readonly Rule[] = [
  { id: 'overview', needs: [], key: 'o' },
  { id: 'callbacks', needs: ['callbacks.work'], key: 'c' },
  { id: 'followup', needs: ['followup.view', 'followup.work'], key: 'f', optional: true },
  { id: 'devices', needs: ['devices.view', 'devices.manage'], key: 'd' },
  { id: 'set-aside', needs: ['set_aside.work'], key: 's' },
  { id: 'intake', needs: ['intake.work'], key: 'i', optional: true },
  { id: 'accounts', needs: ['accounts.manage'], key: 'a' },
  { id: 'tokens', needs: ['tokens.manage'], key: 't' },
  { id: 'questionnaires', needs: ['questionnaires.view'], key: 'q' },
  { id: 'audit', needs: ['audit.view'], key: 'l' },
  { id: 'me', needs: [], key: 'm' },
]

/** Permissions the desk can name in words; others are shown by their id. */
export const KNOWN_PERMISSIONS = [
  'board.view',
  'hospital.view',
  'callbacks.work',
  'devices.view',
  'devices.manage',
  'accounts.manage',
  'tokens.manage',
  'set_aside.work',
  'audit.view',
  'questionnaires.view',
  'transactions.create',
  'followup.view',
  'followup.manage',
  'followup.work',
  'intake.work',
  'intake.open',
] as const

/** `there` are the optional sections the gateway has. */
export function sectionsFor(permissions: readonly string[], there: readonly string[] = []): SectionId[] {
  return SECTIONS.filter((s) => !s.optional || there.includes(s.id))
    .filter((s) => s.needs.length === 0 || s.needs.some((p) => permissions.includes(p)))
    .map((s) => s.id)
}

export function mayOpen(section: SectionId, permissions: readonly string[], there: readonly string[] = []): boolean {
  return sectionsFor(permissions, there).includes(section)
}

/** The lists of "today" this account has work in, as keys below `overview.will`. */
export function worksOn(permissions: readonly string[]): ('callbacks' | 'devices' | 'set_aside')[] {
  const work = { callbacks: 'callbacks.work', devices: 'devices.view', set_aside: 'set_aside.work' } as const
  return (['callbacks', 'devices', 'set_aside'] as const).filter((list) => permissions.includes(work[list]))
}

/** The message key that names a permission. */
export function permissionKey(permission: string): string {
  return `permission.${permission.replace('.', '_')}`
}
