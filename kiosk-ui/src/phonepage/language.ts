// Words in two languages without a library: this page travels over bad networks,
// and has to weigh little.
import { computed, type InjectionKey, inject, type Ref, ref } from 'vue'
import type { Language, Text } from '../shared/wire'
import { messages } from './messages'

export interface Languages {
  language: Ref<Language>
  /** Changes the language, keeps the choice, and tells the document. */
  set: (language: Language) => void
  /** Whether somebody has chosen, here or at an earlier visit. */
  chosen: () => boolean
}

export const LANGUAGES: InjectionKey<Languages> = Symbol('languages')

const NAME = 'survey.language'

/** Chinese until told otherwise. Without a storage, or with one that refuses, nothing is kept. */
export function createLanguages(storage: Pick<Storage, 'getItem' | 'setItem'> | null): Languages {
  const language = ref<Language>('zh')
  let chosen = false
  const show = (next: Language) => {
    language.value = next
    document.documentElement.lang = next === 'zh' ? 'zh-CN' : 'en'
  }
  let kept: string | null = null
  try {
    kept = storage?.getItem(NAME) ?? null
  } catch {
    // As if nothing were kept.
  }
  chosen = kept === 'zh' || kept === 'en'
  show(kept === 'en' ? 'en' : 'zh')
  return {
    language,
    chosen: () => chosen,
    set(next) {
      chosen = true
      show(next)
      try {
        storage?.setItem(NAME, next)
      } catch {
        // It holds for this visit.
      }
    },
  }
}

/** The words under a key such as "call.title", with {names} filled in. */
export function say(language: Language, key: string, named: Record<string, string | number> = {}): string {
  let at: unknown = messages[language]
  for (const part of key.split('.')) at = (at as Record<string, unknown> | undefined)?.[part]
  if (typeof at !== 'string') return key
  return at.replace(/\{(\w+)\}/g, (whole, name: string) => (name in named ? String(named[name]) : whole))
}

/** In a component: the current language, words by key, and texts that came over the wire. */
export function useLanguage() {
  const languages = inject(LANGUAGES)
  if (!languages) throw new Error('no languages on this page')
  const language = computed(() => languages.language.value)
  return {
    languages,
    language,
    t: (key: string, named?: Record<string, string | number>) => say(language.value, key, named),
    tx: (text: Text | undefined) => (text ? text[language.value] || text.zh : ''),
  }
}
