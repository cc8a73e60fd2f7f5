import { describe, expect, it } from 'vitest'
import type { Grade, Item, Outcome } from '../shared/wire'
import { localPrompt, welcome } from './fixtures'
import {
  canGrade,
  DEFAULT_PREFS,
  detailOf,
  type Event,
  followUps,
  GIVE_WAY_MILLIS,
  hasDraft,
  initialState,
  leftBehind,
  neutralHeading,
  type Panel,
  SENDING_MILLIS,
  SETTLE_MILLIS,
  type State,
  step,
} from './session'

const T0 = 1_000_000

/** Plays events, each at its moment after T0, from an idle, connected screen. */
function play(...events: [at: number, event: Event][]): State {
  let state = step(initialState(T0), { type: 'welcomed', welcome }, T0)
  for (const [at, event] of events) state = step(state, event, T0 + at)
  return state
}

const prompted = (id: string, at = 0, life = 60_000): [number, Event] => [
  at,
  { type: 'prompted', prompt: localPrompt(id, T0 + at + life) },
]
const graded = (at: number, grade: Grade): [number, Event] => [at, { type: 'graded', ratingId: 'r', grade }]
const stored = (at: number): [number, Event] => [at, { type: 'stored', ratingId: 'r' }]
const acked = (at: number, outcome: Outcome = 'stored'): [number, Event] => [at, { type: 'acked', id: 'r', outcome }]
const tick = (at: number): [number, Event] => [at, { type: 'tick' }]
const toWhy = [prompted('p'), graded(1_000, 1), stored(1_010)]
const toThanks = [prompted('p'), graded(1_000, 5), stored(1_010)]

describe('asking', () => {
  it('asks what was prompted', () => {
    const { screen } = play(prompted('p'))
    expect(screen).toMatchObject({ kind: 'asked', prompt: { prompt: { id: 'p' } } })
  })

  it('takes no touch of a screen that has just changed', () => {
    expect(canGrade(play(prompted('p')), T0 + SETTLE_MILLIS - 1)).toBe(false)
    expect(canGrade(play(prompted('p')), T0 + SETTLE_MILLIS)).toBe(true)
    expect(play(prompted('p'), graded(SETTLE_MILLIS - 1, 1)).screen.kind).toBe('asked')
  })

  it('returns to idle when the prompt expires, and takes no late tap', () => {
    expect(play(prompted('p'), tick(59_999)).screen.kind).toBe('asked')
    expect(play(prompted('p'), tick(60_000)).screen.kind).toBe('idle')
    expect(play(prompted('p'), graded(60_000, 1)).screen.kind).toBe('asked')
  })

  it('withdraws a prompt from the screen and from the waiting', () => {
    expect(play(prompted('p'), [10, { type: 'withdrawn', promptId: 'p' }]).screen.kind).toBe('idle')
    expect(play(prompted('p'), [10, { type: 'withdrawn', promptId: 'other' }]).screen.kind).toBe('asked')
    expect(play(...toWhy, prompted('q', 1_100), [1_200, { type: 'withdrawn', promptId: 'q' }]).held).toBeNull()
  })

  it('does not ask again what this device has rated, nor what has expired', () => {
    expect(play(...toThanks, tick(10_000), prompted('p', 11_000)).screen.kind).toBe('idle')
    expect(play(prompted('p', 0, 0)).screen.kind).toBe('idle')
    const reloaded = step(initialState(T0), { type: 'connecting', welcome, answered: ['p'] }, T0)
    expect(step(reloaded, prompted('p')[1], T0).screen.kind).toBe('idle')
  })

  it('lets a patient leave, and leaves nothing', () => {
    const state = play(prompted('p'), [500, { type: 'prefs_changed', prefs: { large: true } }], [900, { type: 'left' }])
    expect([state.screen.kind, state.prefs]).toEqual(['idle', DEFAULT_PREFS])
  })

  it('lets the next transaction replace an unanswered one', () => {
    const state = play(prompted('p'), prompted('q', 5_000))
    expect(state.screen).toMatchObject({ kind: 'asked', prompt: { prompt: { id: 'q' } }, since: T0 + 5_000 })
  })
})

describe('rating unasked', () => {
  const rate: [number, Event] = [0, { type: 'rate' }]

  it('asks without a prompt and gives up when nobody touches', () => {
    expect(play(rate).screen).toMatchObject({ kind: 'asked', prompt: null })
    expect(play(rate, tick(19_999)).screen.kind).toBe('asked')
    expect(play(rate, tick(20_000)).screen.kind).toBe('idle')
  })

  it('holds a prompt for as long as somebody is there', () => {
    const busy = play(rate, prompted('p', 3_000))
    expect([busy.screen.kind, busy.held?.prompt.id]).toEqual(['asked', 'p'])
    const after = step(busy, { type: 'tick' }, T0 + GIVE_WAY_MILLIS)
    expect(after.screen).toMatchObject({ kind: 'asked', prompt: { prompt: { id: 'p' } } })
  })
})

describe('after the tap', () => {
  it('holds no grade', () => {
    for (const events of [[prompted('p'), graded(1_000, 1)], toWhy, toThanks]) {
      expect(JSON.stringify(play(...events))).not.toMatch(/"grade":\s*\d/)
    }
  })

  it('asks why after a low grade, thanks at once after a high one', () => {
    expect(play(...toWhy).screen).toMatchObject({
      kind: 'why',
      panel: 'tags',
      draft: { tags: [], comment: '', phone: '' },
    })
    expect(play(...toThanks).screen.kind).toBe('thanks')
  })

  it('counts one tap', () => {
    const state = play(prompted('p'), graded(1_000, 1), [1_001, { type: 'graded', ratingId: 'r2', grade: 5 }])
    expect(state.screen).toMatchObject({ kind: 'taking', ratingId: 'r' })
  })

  it('asks for paper when the tap could not be stored', () => {
    const state = play(prompted('p'), graded(1_000, 1), [1_100, { type: 'store_failed', ratingId: 'r' }])
    expect([state.screen.kind, state.queueOK]).toEqual(['paper', false])
  })

  it.each<[string, [number, Event][], string]>([
    ['acknowledged before', [acked(1_005), stored(1_010)], 'received'],
    ['acknowledged after', [stored(1_010), acked(1_050)], 'received'],
    ['sent twice', [stored(1_010), acked(1_050, 'duplicate')], 'received'],
    ['rated before', [stored(1_010), acked(1_050, 'already_rated')], 'refused'],
    ['not yet acknowledged', [stored(1_010)], 'sending'],
    ['acknowledged late', [stored(1_010), tick(1_010 + SENDING_MILLIS)], 'saved'],
    ['offline', [[1_005, { type: 'link_lost' }], stored(1_010)], 'saved'],
    ['cut off while sending', [stored(1_010), [1_020, { type: 'link_lost' }], tick(1_030)], 'saved'],
  ])('thanks for a rating %s', (_, events, delivery) => {
    expect(play(prompted('p'), graded(1_000, 5), ...events).screen).toMatchObject({ kind: 'thanks', delivery })
  })

  it('goes back to idle after the thanks, in Chinese and at normal size', () => {
    const prefs: [number, Event] = [
      500,
      { type: 'prefs_changed', prefs: { language: 'en', large: true, contrast: true } },
    ]
    const state = play(prompted('p'), prefs, graded(1_000, 5), stored(1_010), tick(5_010))
    expect([state.screen, state.prefs]).toEqual([{ kind: 'idle' }, DEFAULT_PREFS])
  })
})

describe('why', () => {
  const tag = (at: number, id: string): [number, Event] => [at, { type: 'tag_toggled', tag: id }]

  it('toggles tags and keeps them sorted', () => {
    expect(play(...toWhy, tag(2_000, 'talk'), tag(2_100, 'queue')).screen).toMatchObject({
      draft: { tags: ['queue', 'talk'] },
    })
    expect(play(...toWhy, tag(2_000, 'talk'), tag(2_100, 'talk')).screen).toMatchObject({ draft: { tags: [] } })
  })

  it('hears no second tap of an impatient finger', () => {
    expect(play(...toWhy, tag(1_100, 'talk')).screen).toMatchObject({ draft: { tags: [] } })
    expect(play(...toWhy, [1_100, { type: 'finished' }]).screen.kind).toBe('why')
  })

  it('keeps digits only, at most twenty', () => {
    const state = play(...toWhy, [2_000, { type: 'phone_changed', phone: '+86 138-0013-8000 99999999999' }])
    expect(state.screen).toMatchObject({ draft: { phone: '86138001380009999999' } })
  })

  it('forgets an unsent draft and thanks when its writer has gone', () => {
    const state = play(...toWhy, tag(2_000, 'talk'), tick(22_000))
    expect(state.screen.kind).toBe('thanks')
    expect(JSON.stringify(state)).not.toContain('"talk"]')
  })

  it('says for whoever walked away what was ticked, never what was still being written', () => {
    const left = (...events: [number, Event][]) => {
      const { screen } = play(...toWhy, tag(2_000, 'talk'), ...events)
      return screen.kind === 'why' ? leftBehind(screen) : undefined
    }
    const open = (at: number, panel: Panel): [number, Event] => [at, { type: 'panel_opened', panel }]
    const write: [number, Event] = [3_100, { type: 'comment_changed', comment: '等了一' }]
    const dial = (phone: string): [number, Event] => [3_100, { type: 'phone_changed', phone }]
    expect(left()).toEqual({ tags: ['talk'] })
    expect(left(open(3_000, 'comment'), write)).toEqual({ tags: ['talk'] })
    expect(left(open(3_000, 'comment'), write, open(4_000, 'tags'))).toEqual({ tags: ['talk'], comment: '等了一' })
    expect(left(open(3_000, 'phone'), dial('1380013800'))).toEqual({ tags: ['talk'] })
    expect(left(open(3_000, 'phone'), dial('13800138000'))).toEqual({ tags: ['talk'], callback_phone: '13800138000' })
    expect(left(tag(2_100, 'talk'))).toBeNull()
  })

  it.each(['comment', 'phone'] as const)('leaves a minute to think over the %s, less when somebody waits', (panel) => {
    const open: [number, Event] = [2_000, { type: 'panel_opened', panel }]
    expect(play(...toWhy, open, tick(61_999)).screen.kind).toBe('why')
    expect(play(...toWhy, open, tick(62_000)).screen.kind).toBe('thanks')
    expect(play(...toWhy, open, prompted('q', 3_000), tick(21_999)).screen.kind).toBe('why')
    expect(play(...toWhy, open, prompted('q', 3_000), tick(22_000)).screen.kind).toBe('asked')
  })

  it('knows whether there is something not to send', () => {
    expect(hasDraft({ tags: [], comment: ' ', phone: '' })).toBe(false)
    expect(hasDraft({ tags: [], comment: '', phone: '1' })).toBe(true)
    expect(hasDraft({ tags: ['talk'], comment: '', phone: '' })).toBe(true)
  })

  it('holds the next prompt until this patient is done', () => {
    const held = play(...toWhy, prompted('q', 2_000), tag(9_000, 'talk'), tick(15_000))
    expect(held.screen.kind).toBe('why')
    const thanks = step(held, { type: 'finished' }, T0 + 15_100)
    expect(thanks.screen.kind).toBe('thanks')
    expect(step(thanks, { type: 'tick' }, T0 + 19_100).screen).toMatchObject({
      kind: 'asked',
      prompt: { prompt: { id: 'q' } },
    })
  })

  it('gives way after ten seconds without touch, and nothing of it is left', () => {
    const state = play(
      ...toWhy,
      [1_500, { type: 'prefs_changed', prefs: { large: true } }],
      tag(2_000, 'talk'),
      prompted('q', 3_000),
      tick(2_000 + GIVE_WAY_MILLIS),
    )
    expect(state.screen).toMatchObject({ kind: 'asked', prompt: { prompt: { id: 'q' } } })
    expect([state.prefs, state.held]).toEqual([DEFAULT_PREFS, null])
  })

  it('drops a held prompt that expired meanwhile', () => {
    const state = play(...toWhy, prompted('q', 2_000, 5_000), tag(6_000, 'talk'), tick(7_000))
    expect([state.screen.kind, state.held]).toEqual(['why', null])
  })

  it('makes a detail only of what was said', () => {
    expect(detailOf({ tags: [], comment: '  ', phone: '138' })).toBeNull()
    expect(detailOf({ tags: ['talk'], comment: ' 等太久 ', phone: '13800138000' })).toEqual({
      tags: ['talk'],
      comment: '等太久',
      callback_phone: '13800138000',
    })
  })
})

describe('questions that follow', () => {
  it.each([
    [1, ['improve', 'comment', 'callback']],
    [2, ['improve', 'comment', 'callback']],
    [3, []],
    [5, []],
  ] as [Grade, string[]][])('after %d', (grade, want) => {
    expect(followUps(welcome.questionnaire, grade).map((item) => item.id)).toEqual(want)
  })
})

describe('the heading after the tap', () => {
  const tags = (id: string, zh: string) => ({ id, kind: 'tags' as const, text: { zh, en: zh } })
  const asking = (...items: Item[]) => neutralHeading({ version: 'v', title: { zh: '', en: '' }, items })

  it('is the questionnaire’s own when it is one for all grades', () => {
    expect(asking(tags('a', '想多说一点吗？'), tags('b', '想多说一点吗？'))?.zh).toBe('想多说一点吗？')
    expect(asking(tags('a', '哪里不好？'), tags('b', '哪里好？'))).toBeUndefined()
    expect(asking()).toBeUndefined()
  })
})

describe('paper, please', () => {
  const broken: [number, Event] = [100, { type: 'queue_changed', ok: false }]

  it('replaces idle and asked, and ends when the queue works again', () => {
    expect(play(broken).screen.kind).toBe('paper')
    expect(play(prompted('p'), broken).screen.kind).toBe('paper')
    expect(play(broken, prompted('p', 200)).screen.kind).toBe('paper')
    expect(play(broken, [200, { type: 'queue_changed', ok: true }]).screen.kind).toBe('idle')
  })

  it('does not interrupt somebody whose rating is stored', () => {
    expect(play(...toWhy, [1_100, { type: 'queue_changed', ok: false }]).screen.kind).toBe('why')
    expect(
      play(...toWhy, [1_100, { type: 'queue_changed', ok: false }], [2_000, { type: 'finished' }], tick(6_000)).screen
        .kind,
    ).toBe('paper')
  })
})

describe('a device out of use', () => {
  it.each(['revoked', 'shared_key', 'lost_key'] as const)('%s ends whatever was on screen', (reason) => {
    expect(play(...toWhy, [1_100, { type: 'stopped', reason }]).screen).toEqual({ kind: 'out_of_service', reason })
    expect(play([0, { type: 'stopped', reason }], prompted('p', 10)).screen.kind).toBe('out_of_service')
  })

  it('shows its last hospital while offline from the start', () => {
    const cached = step(initialState(T0), { type: 'connecting', welcome, answered: [] }, T0)
    expect([cached.screen.kind, cached.online]).toEqual(['idle', false])
    expect(step(initialState(T0), { type: 'connecting', welcome: null, answered: [] }, T0).screen.kind).toBe(
      'connecting',
    )
  })
})

describe('the self-test', () => {
  it('begins only from idle and gives way to a prompt', () => {
    expect(play([0, { type: 'self_test_began' }]).screen.kind).toBe('self_test')
    expect(play(prompted('p'), [10, { type: 'self_test_began' }]).screen.kind).toBe('asked')
    expect(
      play([0, { type: 'self_test_began' }], prompted('p', 10), [20, { type: 'self_test_ended' }]).screen.kind,
    ).toBe('asked')
  })

  it('cannot become a rating', () => {
    expect(play([0, { type: 'self_test_began' }], graded(1_000, 1)).screen.kind).toBe('self_test')
  })
})

it('resets an abandoned choice of language on the idle page', () => {
  const english: [number, Event] = [0, { type: 'prefs_changed', prefs: { language: 'en' } }]
  expect(play(english, tick(19_999)).prefs.language).toBe('en')
  expect(play(english, tick(20_000)).prefs.language).toBe('zh')
})

it('gives the same object when nothing changed', () => {
  const state = play()
  expect(step(state, { type: 'tick' }, T0 + 5)).toBe(state)
})
