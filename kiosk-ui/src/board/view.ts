import { computed, type InjectionKey, inject, reactive, ref, watch } from 'vue'
import { HTML_LANG, inLanguage } from '../shared/i18n'
import type { Figure, Language, Text } from '../shared/wire'
import { timesIn } from './format'
import { messages } from './messages'
import { isNight, nextTheme, type Theme } from './theme'

type Withheld = NonNullable<Figure['withheld']>

const LANGUAGE_KEY = 'qingfeng.board.language'
const THEME_KEY = 'qingfeng.board.theme'

/** How this screen shows things: language, theme, wall or laptop, and the hospital's clock. */
export function createView() {
  const language = ref<Language>(localStorage.getItem(LANGUAGE_KEY) === 'en' ? 'en' : 'zh')
  const theme = ref<Theme>((localStorage.getItem(THEME_KEY) as Theme | null) ?? 'auto')
  const wall = ref(new URLSearchParams(location.search).has('wall'))
  const offset = ref(0)
  const now = ref(Date.now())
  /** What the gateway says of its hospital; unknown until the first snapshot. */
  const zone = ref<string>()
  const minAnswers = ref(0)
  /** Whether a department's head looks: the own department and nothing of the hospital. */
  const own = ref(false)
  const t = computed(() => messages(language.value))
  const times = computed(() => timesIn(zone.value))
  const night = computed(() => isNight(theme.value, times.value.hour(now.value)))

  watch(language, (value) => localStorage.setItem(LANGUAGE_KEY, value))
  watch(theme, (value) => localStorage.setItem(THEME_KEY, value))
  watch(
    [language, night, wall, t],
    () => {
      const root = document.documentElement
      root.lang = HTML_LANG[language.value]
      if (night.value) root.dataset.theme = 'night'
      else delete root.dataset.theme
      root.dataset.size = wall.value ? 'wall' : 'desk'
      document.title = t.value.pageTitle
    },
    { immediate: true },
  )

  /** Reads the clock; call once a second. */
  function tick(): void {
    now.value = Date.now() + offset.value
  }
  function switchLanguage(): void {
    language.value = language.value === 'zh' ? 'en' : 'zh'
  }
  function switchTheme(): void {
    theme.value = nextTheme(theme.value)
  }
  const name = (text: Text) => inLanguage(text, language.value)
  const clock = (at: string | number) => times.value.clock(at)
  const day = (at: string | number) => times.value.day(at, language.value)
  const withheldWord = (figure: Figure) => t.value.withheld[why(figure)]
  const withheldHint = (figure: Figure) => t.value.withheldHint[why(figure)].replace('{n}', String(minAnswers.value))
  /** "3/10" where that is what a figure waits for; otherwise ''. */
  const progress = (figure: Figure) => (why(figure) === 'not_enough' ? `${figure.answered}/${minAnswers.value}` : '')

  /** Enough answers and still no score: the figures of a department's head move in batches. */
  function why(figure: Figure): Withheld | 'batch' {
    const reason = figure.withheld ?? 'no_data'
    return reason === 'not_enough' && (figure.answered ?? 0) >= minAnswers.value ? 'batch' : reason
  }

  return reactive({
    language,
    theme,
    night,
    wall,
    offset,
    zone,
    minAnswers,
    own,
    now,
    t,
    tick,
    switchLanguage,
    switchTheme,
    name,
    clock,
    day,
    withheldWord,
    withheldHint,
    progress,
  })
}

export type View = ReturnType<typeof createView>

export const viewKey: InjectionKey<View> = Symbol('view')

export function useView(): View {
  const view = inject(viewKey)
  if (!view) throw new Error('the board provides its view before any part of it is shown')
  return view
}
