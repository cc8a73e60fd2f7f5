import { describe, expect, it } from 'vitest'
import { messages } from './messages'

function leaves(value: unknown, path = ''): [string, string][] {
  if (typeof value === 'string') return [[path, value]]
  if (typeof value === 'function') return [[path, String((value as (n: number) => string)(3))]]
  return Object.entries(value as object).flatMap(([key, inner]) => leaves(inner, `${path}.${key}`))
}

describe('messages', () => {
  it('say the same things in both languages', () => {
    expect(leaves(messages('en')).map(([path]) => path)).toEqual(leaves(messages('zh')).map(([path]) => path))
  })

  it('leave no Chinese in English but the name of the language, and no ASCII comma between Chinese signs', () => {
    const stray = leaves(messages('en')).filter(([path, text]) => path !== '.language' && /[\u4e00-\u9fff]/.test(text))
    expect(stray).toEqual([])
    const halfWidth = leaves(messages('zh')).filter(([, text]) => /[\u4e00-\u9fff][,;:?()]/.test(text))
    expect(halfWidth).toEqual([])
  })
})
