import { describe, expect, it } from 'vitest'
import { indented, recordFields } from './record'

describe('what a device sent', () => {
  it('is taken apart, what people ask about first and ids last', () => {
    const body = JSON.stringify({
      id: '019aa5c2-7d10-7c44-9b1e-000000000906',
      at: '2026-11-21T02:42:07.120Z',
      prompt_id: '00000000-0000-0000-0000-000000000000',
      questionnaire: '9f2c41d07ab6e815',
      grade: 1,
      dwell_ms: 2300,
      language: 'zh',
      place: 'settlement-1',
      strange: { deep: 1 },
      type: 'rating',
    })
    expect(recordFields(body)).toEqual([
      { name: 'type', value: { is: 'kind', text: 'rating' } },
      { name: 'grade', value: { is: 'grade', text: '1' } },
      { name: 'place', value: { is: 'place', text: 'settlement-1' } },
      { name: 'at', value: { is: 'time', text: '2026-11-21T02:42:07.120Z' } },
      { name: 'language', value: { is: 'words', key: 'language.zh' } },
      { name: 'dwell_ms', value: { is: 'seconds', seconds: 2.3 } },
      { name: 'strange', value: { is: 'text', text: '{"deep":1}' } },
      { name: 'id', value: { is: 'text', text: '019aa5c2-7d10-7c44-9b1e-000000000906' } },
      { name: 'questionnaire', value: { is: 'text', text: '9f2c41d07ab6e815' } },
    ])
  })

  it('keeps values of the wrong kind as they came', () => {
    expect(recordFields('{"grade":9,"at":"soon","tags":["a","b"],"comment":"","key_worked":false}')).toEqual([
      { name: 'grade', value: { is: 'text', text: '9' } },
      { name: 'tags', value: { is: 'text', text: 'a · b' } },
      { name: 'at', value: { is: 'text', text: 'soon' } },
      { name: 'key_worked', value: { is: 'words', key: 'common.no' } },
    ])
  })

  it.each(['', 'not JSON', '[1,2]', 'null', '"text"'])('%j has no fields', (body) => {
    expect(recordFields(body)).toBeUndefined()
  })

  it('is printed with line breaks, or as it came', () => {
    expect(indented('{"a":1}')).toBe('{\n  "a": 1\n}')
    expect(indented('{"a":')).toBe('{"a":')
  })
})
