import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Grade } from '../shared/wire'
import { listenForPress } from './press'
import { pressWorst, selfTestOwed } from './selftest'

describe('the press of the worst face', () => {
  let key: HTMLElement
  let heard: Grade[]
  let box: DOMRect

  beforeEach(() => {
    document.body.innerHTML = '<button data-grade="1"><span>非常不满意</span></button><div id="cover"></div>'
    key = document.querySelector('button') as HTMLElement
    heard = []
    box = new DOMRect(100, 100, 200, 240)
    vi.spyOn(key, 'getBoundingClientRect').mockImplementation(() => box)
    vi.spyOn(document.documentElement, 'clientWidth', 'get').mockReturnValue(1280)
    vi.spyOn(document.documentElement, 'clientHeight', 'get').mockReturnValue(800)
    document.elementFromPoint = () => key.querySelector('span')
    key.checkVisibility = () => true
    listenForPress(key, () => heard.push(1))
  })
  afterEach(() => {
    vi.restoreAllMocks()
    document.body.innerHTML = ''
  })

  it('works when the key is seen, free, large and wired', () => {
    expect(pressWorst(document, heard)).toEqual({ worked: true, faults: [] })
    expect(heard).toEqual([1])
  })

  it('finds a missing key', () => {
    key.remove()
    expect(pressWorst(document, heard).faults).toEqual(['missing'])
  })

  it('finds a key that is too small', () => {
    box = new DOMRect(100, 100, 63, 240)
    expect(pressWorst(document, heard).faults).toEqual(['too_small'])
  })

  it('finds a key beyond the edge of the screen', () => {
    box = new DOMRect(1200, 100, 200, 240)
    expect(pressWorst(document, heard).faults).toEqual(['out_of_view'])
  })

  it('finds a key nobody can see', () => {
    key.checkVisibility = () => false
    expect(pressWorst(document, heard).faults).toEqual(['hidden'])
  })

  it('finds a covered key, even half covered', () => {
    const cover = document.querySelector('#cover')
    document.elementFromPoint = () => cover
    expect(pressWorst(document, heard).faults).toEqual(['covered', 'not_heard'])
    document.elementFromPoint = (x) => (x > 250 ? cover : key)
    expect(pressWorst(document, heard).faults).toEqual(['covered'])
  })

  it('finds a key that says another grade, or says it twice', () => {
    listenForPress(key, () => heard.push(5))
    expect(pressWorst(document, heard).faults).toEqual(['not_heard'])
    document.body.innerHTML = '<button data-grade="1">x</button>'
    key = document.querySelector('button') as HTMLElement
    vi.spyOn(key, 'getBoundingClientRect').mockImplementation(() => box)
    document.elementFromPoint = () => key
    key.checkVisibility = () => true
    listenForPress(key, () => heard.push(5))
    expect(pressWorst(document, heard).faults).toEqual(['wrong_grade'])
  })
})

describe('when it is owed', () => {
  it.each([
    [true, '2026-11-21', true],
    [false, '2026-11-21', false],
    [false, '2026-11-20', true],
    [false, null, true],
  ])('server says due %s, last %s: %s', (due, last, want) => {
    expect(selfTestOwed(due, last, '2026-11-21')).toBe(want)
  })
})
