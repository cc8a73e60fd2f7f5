import { describe, expect, it } from 'vitest'
import type { Result, SurveyApi } from './api'
import { ENVELOPE_YES } from './form'
import { type Kept, keptInMemory } from './queue'
import { Session } from './session'
import type { Save, Saved, Survey } from './wire'

const text = (zh: string) => ({ zh, en: zh })
const survey = (answers: Survey['answers'] = []): Survey => ({
  hospital: text('医院'),
  clue_hotline: '010',
  language: 'zh',
  closes_at: '',
  answers,
  form: {
    version: 'v',
    title: text('t'),
    questions: [
      {
        id: 'overall',
        kind: 'scale',
        overall: true,
        text: text('总体'),
        choices: [1, 2, 3, 4, 5].map((value) => ({ value, text: text('') })),
      },
      { id: 'envelope', kind: 'envelope', text: text('红包') },
      {
        id: 'nurses',
        kind: 'scale',
        text: text('护士'),
        choices: [0, 1, 2].map((value) => ({ value, text: text('') })),
      },
      { id: 'comment', kind: 'text', optional: true, text: text('留言'), max_length: 9 },
    ],
  },
})
const away = { kind: 'away', waitSeconds: 0, tooMany: false } as const
const settled = () => new Promise((resolve) => setTimeout(resolve))

/** A session whose gateway stores everything unless told otherwise. */
function world({ answers, kept = keptInMemory() }: { answers?: Survey['answers']; kept?: Kept } = {}) {
  const sent: Save[] = []
  const w = {
    sent,
    network: true,
    load: { kind: 'ok', value: survey(answers) } as Result<Survey>,
    verdict: null as Result<Saved> | null,
    session: null as unknown as Session,
    bodies: () => sent.map(({ id: _, ...body }) => body),
  }
  const api = {
    survey: async () => (w.network ? w.load : away),
    save: async (_: string, save: Save): Promise<Result<Saved>> => {
      if (!w.network) return away
      sent.push(save)
      if (w.verdict) return w.verdict
      if (save.clue)
        return {
          kind: 'ok',
          value: { outcome: 'stored', state: 'stopped', receipt: '1234567812345678', clue_hotline: '010' },
        }
      return { kind: 'ok', value: { outcome: 'stored', state: save.finish ? 'done' : 'open' } }
    },
  } as unknown as SurveyApi
  let n = 0
  w.session = new Session({ api, token: 't', kept, newId: () => `id-${++n}`, later: () => 0, changed: () => {} })
  return w
}

async function started(options = {}) {
  const w = world(options)
  w.session.start()
  await settled()
  return w
}

describe('a survey', () => {
  it('is answered question by question, each saved as it is left', async () => {
    const { session, bodies } = await started()
    expect(session.state.screen).toBe('intro')
    session.begin()
    session.enter({ value: 4 })
    session.next()
    session.enter({ value: 0 })
    session.next()
    session.next() // nurses: skipped
    session.enter({ text: '  谢谢 ' })
    session.next()
    expect(session.state.screen).toBe('call')
    session.finish(true, '13800138000')
    await settled()
    expect(session.state.screen).toBe('done')
    expect(bodies()).toEqual([
      { answers: [{ question: 'overall', value: 4 }] },
      { answers: [{ question: 'envelope', value: 0 }] },
      { answers: [{ question: 'comment', value: 0, text: '谢谢' }] },
      { finish: true, call_back: true, call_phone: '13800138000' },
    ])
  })

  it('saves nothing twice, a change again, and the overall grade for good', async () => {
    const { session, bodies } = await started()
    session.begin()
    session.enter({ value: 2 })
    session.next()
    session.back()
    session.enter({ value: 5 })
    session.next()
    session.next()
    session.enter({ value: 1 })
    session.next()
    session.back()
    session.next()
    session.back()
    session.enter({ value: 2 })
    session.next()
    await settled()
    expect(session.state.entries.overall).toEqual({ value: 2, final: true })
    expect(bodies()).toEqual([
      { answers: [{ question: 'overall', value: 2 }] },
      { answers: [{ question: 'nurses', value: 1 }] },
      { answers: [{ question: 'nurses', value: 2 }] },
    ])
  })

  it('goes on where it was left', async () => {
    const { session, sent } = await started({
      answers: [
        { question: 'overall', value: 3, final: true },
        { question: 'envelope', value: 0 },
      ],
    })
    session.begin()
    expect(session.question?.id).toBe('nurses')
    session.back()
    session.next()
    await settled()
    expect(sent).toEqual([])
  })

  it('never thanks before the gateway has stored it', async () => {
    const w = await started()
    w.session.begin()
    w.session.enter({ value: 5 })
    w.network = false
    w.session.next()
    w.session.next()
    w.session.next()
    w.session.next()
    w.session.finish(false, '')
    await settled()
    expect(w.session.state).toMatchObject({ screen: 'sending', reached: false, waiting: 2 })
    w.network = true
    w.session.retry()
    await settled()
    expect(w.session.state.screen).toBe('done')
    expect(w.sent).toHaveLength(2)
  })

  it('hands in at the next visit what an earlier one could not', async () => {
    const kept = keptInMemory()
    kept.write([
      { id: 'a', answers: [{ question: 'overall', value: 1 }] },
      { id: 'b', finish: true, call_back: true },
    ])
    const { session, sent } = await started({ kept })
    expect(session.state).toMatchObject({ screen: 'done', wish: true })
    expect(sent.map((s) => s.id)).toEqual(['a', 'b'])
    expect(kept.read()).toEqual([])
  })

  it('hands in nothing when nothing is answered', async () => {
    const { session, sent } = await started()
    session.begin()
    for (let n = 0; n < 4; n++) session.next()
    session.finish(false, '')
    await settled()
    expect(session.state.screen).toBe('call')
    expect(sent).toEqual([])
  })

  it('says so when it is gone, when it cannot be loaded, and when the end is refused', async () => {
    const gone = world()
    gone.load = { kind: 'gone' }
    gone.session.start()
    await settled()
    expect(gone.session.state.screen).toBe('gone')

    const w = world()
    w.network = false
    w.session.start()
    await settled()
    expect(w.session.state.screen).toBe('unreachable')
    w.network = true
    w.session.retry()
    await settled()
    expect(w.session.state.screen).toBe('intro')
    w.session.begin()
    w.session.enter({ value: 5 })
    w.verdict = { kind: 'refused' }
    for (let n = 0; n < 4; n++) w.session.next()
    await settled()
    expect(w.session.state.screen).toBe('call')
    w.session.finish(false, '')
    await settled()
    expect(w.session.state.screen).toBe('refused')
  })
})

describe('a yes to the envelope question', () => {
  async function atClue() {
    const w = await started()
    w.session.begin()
    w.session.enter({ value: 1 })
    w.session.next()
    await settled()
    w.session.enter({ value: ENVELOPE_YES })
    w.session.next()
    return w
  }

  it('asks before it tells, and can be taken back', async () => {
    const { session, sent } = await atClue()
    expect(session.state.screen).toBe('clue')
    session.back()
    expect(session.question?.id).toBe('envelope')
    session.enter({ value: 0 })
    session.next()
    await settled()
    expect(sent.some((s) => s.clue)).toBe(false)
    expect(sent.at(-1)?.answers).toEqual([{ question: 'envelope', value: 0 }])
  })

  it('stops the survey, shows the receipt, and keeps no answer', async () => {
    const { session, bodies } = await atClue()
    session.tell(' 护士收钱 ')
    await settled()
    expect(bodies().at(-1)).toEqual({ clue: { text: '护士收钱' } })
    expect(session.state).toMatchObject({
      screen: 'stopped',
      receipt: '1234567812345678',
      clueHotline: '010',
      entries: {},
    })
    session.begin()
    session.finish(false, '')
    await settled()
    expect(bodies().at(-1)).toEqual({ clue: { text: '护士收钱' } })
  })

  it('is never written to the phone, and goes again under its id', async () => {
    const kept = keptInMemory()
    const w = await started({ kept })
    w.session.begin()
    w.network = false
    w.session.enter({ value: 1 })
    w.session.next()
    w.session.enter({ value: ENVELOPE_YES })
    w.session.next()
    w.session.tell('护士收钱')
    await settled()
    expect(kept.read()).toEqual([])
    expect(w.session.state).toMatchObject({ screen: 'sending', ending: 'clue', reached: false })
    w.network = true
    w.session.retry()
    w.session.retry()
    await settled()
    expect(w.sent.filter((s) => s.clue)).toHaveLength(1)
    expect(w.session.state.screen).toBe('stopped')
  })

  it('may come of a comment: then what waits is dropped too', async () => {
    const w = await started()
    w.session.begin()
    w.session.enter({ value: 1 })
    w.verdict = { kind: 'ok', value: { outcome: 'stored', state: 'stopped', receipt: '1', clue_hotline: '' } }
    w.session.next()
    await settled()
    expect(w.session.state).toMatchObject({ screen: 'stopped', receipt: '1', waiting: 0 })
  })
})
