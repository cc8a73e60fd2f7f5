import { computed } from 'vue'
import { createI18n, useI18n } from 'vue-i18n'
import type { Language, Text } from './wire'

export const LANGUAGES: readonly Language[] = ['zh', 'en']

/** The attribute `lang` of a page in each language. */
export const HTML_LANG: Record<Language, string> = { zh: 'zh-CN', en: 'en' }

export interface Messages {
  [key: string]: string | Messages
}

export interface ScreenI18nOptions {
  /** Name under which the choice is kept in localStorage; absent: not kept, every load starts in Chinese. */
  remember?: string
  /** Where the choice is kept; the browser's localStorage unless told. */
  storage?: Pick<Storage, 'getItem' | 'setItem'>
}

function isLanguage(value: unknown): value is Language {
  return value === 'zh' || value === 'en'
}

/**
 * The languages of one screen: Chinese unless another was chosen and kept.
 * `app.use(screen.plugin)` installs it; `screen.set` changes and keeps the choice and
 * tells the document. A storage that refuses is as good as none.
 */
export function createScreenI18n<M extends Messages>(messages: { zh: M; en: M }, options: ScreenI18nOptions = {}) {
  const storage = options.storage ?? globalThis.localStorage
  const plugin = createI18n({
    legacy: false,
    locale: recall(),
    fallbackLocale: 'zh',
    messages: messages as unknown as Record<Language, Record<string, string>>,
  })

  function recall(): Language {
    if (!options.remember) return 'zh'
    try {
      const kept = storage?.getItem(options.remember)
      return isLanguage(kept) ? kept : 'zh'
    } catch {
      return 'zh'
    }
  }

  function get(): Language {
    return plugin.global.locale.value as Language
  }

  function set(language: Language): void {
    plugin.global.locale.value = language
    document.documentElement.lang = HTML_LANG[language]
    if (!options.remember) return
    try {
      storage?.setItem(options.remember, language)
    } catch {
      // The choice holds for this page; it is not kept.
    }
  }

  document.documentElement.lang = HTML_LANG[get()]
  return { plugin, get, set, t: plugin.global.t as (key: string, named?: Record<string, unknown>) => string }
}

/** The text in one language; Chinese where that language is missing. */
export function inLanguage(text: Text | undefined, language: Language): string {
  return text ? text[language] || text.zh : ''
}

/** In a component: the current language, messages by key, and texts that came over the wire. */
export function useLanguage() {
  const { t, locale } = useI18n({ useScope: 'global' })
  const language = computed(() => locale.value as Language)
  return { t, language, tx: (text: Text | undefined) => inLanguage(text, language.value) }
}

/** Every leaf of a message tree as "a.b.c", sorted: what a test compares between languages. */
export function messageKeys(messages: Messages, prefix = ''): string[] {
  return Object.entries(messages)
    .flatMap(([key, value]) => (typeof value === 'string' ? [prefix + key] : messageKeys(value, `${prefix}${key}.`)))
    .sort()
}
