import { describe, expect, it } from 'vitest'
import { nextPage } from './next'

describe('the page after signing in', () => {
  it.each([
    ['?next=/board', ['board.view'], '/board'],
    ['?next=%2Fboard', ['board.view'], '/board'],
    ['?next=/operator', ['transactions.create'], '/operator'],
    ['?next=/board', ['callbacks.work'], ''],
    ['', ['transactions.create'], '/operator'],
    ['', ['board.view', 'transactions.create'], ''],
    ['', ['board.view'], ''],
    ['?next=', ['board.view'], ''],
    ['?next=/board/../desk', ['board.view'], ''],
    ['?next=//elsewhere.example/board', ['board.view'], ''],
    ['?next=https://elsewhere.example/board', ['board.view'], ''],
    ['?next=javascript:alert(1)', ['board.view'], ''],
    ['?next=constructor', ['board.view'], ''],
    ['?next=/tablet', ['board.view'], ''],
  ])('%s for %j is "%s"', (search, permissions, page) => {
    expect(nextPage(search, permissions)).toBe(page)
  })
})
