import { beforeEach, describe, expect, it } from 'vitest'
import { createScreenI18n, inLanguage, messageKeys } from './i18n'

const messages = { zh: { hello: '您好', a: { b: '第{n}号' } }, en: { hello: 'Hello', a: { b: 'No. {n}' } } }

describe('the languages of a screen', () => {
  beforeEach(() => {
    localStorage.clear()
    document.documentElement.lang = ''
  })

  it('starts in Chinese and tells the document', () => {
    const screen = createScreenI18n(messages)
    expect(screen.t('hello')).toBe('您好')
    expect(document.documentElement.lang).toBe('zh-CN')
  })

  it('keeps a choice only under a name', () => {
    createScreenI18n(messages, { remember: 'desk.language' }).set('en')
    expect(createScreenI18n(messages, { remember: 'desk.language' }).t('a.b', { n: 3 })).toBe('No. 3')
    createScreenI18n(messages).set('en')
    expect(createScreenI18n(messages).get()).toBe('zh')
  })

  it('ignores a kept value that is no language', () => {
    localStorage.setItem('desk.language', 'fr')
    expect(createScreenI18n(messages, { remember: 'desk.language' }).get()).toBe('zh')
  })

  it('works where storage refuses', () => {
    const storage = {
      getItem: () => {
        throw new Error('denied')
      },
      setItem: () => {
        throw new Error('denied')
      },
    }
    const screen = createScreenI18n(messages, { remember: 'x', storage })
    screen.set('en')
    expect(screen.t('hello')).toBe('Hello')
  })
})

describe('texts', () => {
  it('lists every leaf', () => {
    expect(messageKeys(messages.zh)).toEqual(['a.b', 'hello'])
  })

  it('falls back to Chinese', () => {
    expect(inLanguage({ zh: '取药', en: '' }, 'en')).toBe('取药')
    expect(inLanguage(undefined, 'en')).toBe('')
  })
})
