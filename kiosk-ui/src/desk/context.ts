// What every part of the desk shares, handed down once by the shell.
import { type ComputedRef, computed, type InjectionKey, inject, onScopeDispose, type Ref, reactive, ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { useLanguage } from '../shared/i18n'
import type { Api } from './api'
import type { Command } from './keys'
import type { Notices } from './notices'
import { errorWords } from './problems'
import type { Route } from './router'
import type { Callback, Department, Organisation, Place, Session, Text } from './types'
import { agoWords, exactDay, exactTime, shortTime, type Words } from './words'

export interface Desk {
  api: Api
  session: Ref<Session>
  organisation: Ref<Organisation | undefined>
  notices: Notices
  route: Ref<Route>
  go(to: Route, replace?: boolean): void
  /** The clock, moved every half minute. */
  now: Ref<number>
  /** The window is wide enough for list and detail side by side. */
  wide: Ref<boolean>
  /** Read again what the rail counts. */
  recount(): void
  /** A fresher reading of the open call-backs, which the rail counts. */
  gotCallbacks(open: Callback[]): void
  /** Who listens to the keyboard now. */
  listeners: Set<(command: Command) => void>
  /** Unfinished text by what it belongs to; it lives as long as the person stays. */
  drafts: Map<string, object>
}

export const DESK: InjectionKey<Desk> = Symbol('desk')

export function useDesk(): Desk {
  const desk = inject(DESK)
  if (!desk) throw new Error('the desk is used outside its shell')
  return desk
}

/** Hears keyboard commands while the component lives. */
export function useCommands(hear: (command: Command) => void): void {
  const { listeners } = useDesk()
  listeners.add(hear)
  onScopeDispose(() => listeners.delete(hear))
}

/** Unfinished input under a name: leaving and coming back finds it as it was. */
export function useDraft<T extends object>(name: string, fresh: () => T): { draft: T; forget: () => void } {
  const { drafts } = useDesk()
  const draft = (drafts.get(name) as T | undefined) ?? (reactive(fresh()) as T)
  drafts.set(name, draft)
  return {
    draft,
    forget: () => {
      drafts.delete(name)
      Object.assign(draft, fresh())
    },
  }
}

/** The hospital's time zone, once the gateway has said it. */
export const ZONE: InjectionKey<Ref<string | undefined>> = Symbol('zone')

/** Words in the reader's language: messages, names from the wire, dates. */
export function useWords() {
  const { t, tx, language } = useLanguage()
  const zone = inject(ZONE, () => ref(), true)
  const say = (words: Words) => sayWith(t, words)
  return {
    t,
    tx,
    language,
    say,
    sayError: (error: unknown) => say(errorWords(error)),
    count: (key: string, n: number) => sayWith(t, { key, with: { n } }),
    exactTime: (at?: string) => exactTime(at, language.value, zone.value),
    exactDay: (day: string | number) => exactDay(day, language.value),
    shortTime: (at: string | undefined, now: number) => shortTime(at, language.value, now, zone.value),
    ago: (at: string | undefined, now: number) => say(agoWords(at, now)),
  }
}

type Translate = (key: string, named: Record<string, unknown>, plural: number) => string

function sayWith(t: unknown, words: Words): string {
  const n = typeof words.with.n === 'number' ? words.with.n : 1
  return (t as Translate)(words.key, words.with, n)
}

/** Names of units and places by their ids; an id nobody knows stands for itself. */
export function useNames(): {
  place: (id?: string) => string
  department: (id?: string) => string
  departmentOfPlace: (id?: string) => string
  byId: ComputedRef<{ places: Map<string, Place>; departments: Map<string, Department> }>
} {
  const desk = useDesk()
  const { tx } = useLanguage()
  const byId = computed(() => ({
    places: new Map(desk.organisation.value?.places.map((p) => [p.id, p])),
    departments: new Map(desk.organisation.value?.departments.map((d) => [d.id, d])),
  }))
  const named = (found: { name: Text } | undefined, id = '') => (found ? tx(found.name) : id)
  return {
    byId,
    place: (id) => named(byId.value.places.get(id ?? ''), id),
    department: (id) => named(byId.value.departments.get(id ?? ''), id),
    departmentOfPlace: (id) => {
      const at = byId.value.places.get(id ?? '')?.department
      return at ? named(byId.value.departments.get(at), at) : ''
    },
  }
}

/** Words under `prefix.id` for an id that the gateway may know and we may not: then the id itself. */
export function useIdWords(): (prefix: string, id: string) => string {
  const { t, te } = useI18n({ useScope: 'global' })
  return (prefix, id) => {
    const key = `${prefix}.${id.replaceAll(/[-.]/g, '_')}`
    return te(key) ? t(key) : id
  }
}
