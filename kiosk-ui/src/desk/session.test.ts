import { describe, expect, it, vi } from 'vitest'
import { createSession } from './session'

const who = (id: number) => ({
  account: { id, username: `u${id}`, name: `N${id}`, roles: [], must_change_password: false },
  permissions: ['callbacks.work'],
})

function gateway() {
  const state = { signedIn: 0, passwords: { u1: 1, u2: 2 } as Record<string, number>, saved: [] as string[] }
  const json = (status: number, body?: unknown) =>
    new Response(body === undefined ? null : JSON.stringify(body), { status })
  const fetch = vi.fn(async (input: RequestInfo | URL, init?: RequestInit) => {
    const path = String(input)
    const body = JSON.parse(String(init?.body ?? '{}')) as Record<string, string>
    if (path === '/api/v1/session' && init?.method === 'POST') {
      const id = state.passwords[body.username ?? '']
      if (!id || body.password !== 'right') return json(401, { code: 'sign_in_failed' })
      state.signedIn = id
      return json(200, { account: who(id).account })
    }
    if (!state.signedIn) return json(401, { code: 'not_signed_in' })
    if (path === '/api/v1/session') return init?.method === 'DELETE' ? json(204) : json(200, who(state.signedIn))
    if (body.note) state.saved.push(`${state.signedIn}:${body.note}`)
    return json(200, {})
  })
  return { state, fetch: fetch as typeof globalThis.fetch }
}

describe('the session', () => {
  it('starts signed out, and refuses a wrong password without leaving the gate', async () => {
    const { fetch } = gateway()
    const store = createSession({ fetch })
    await store.load()
    expect(store.phase.value).toBe('signed_out')
    await expect(store.signIn('u1', 'wrong')).rejects.toMatchObject({ code: 'sign_in_failed' })
    expect(store.phase.value).toBe('signed_out')
  })

  it('ended in the middle of work, it keeps the work and sends it when the same person is back', async () => {
    const { state, fetch } = gateway()
    const store = createSession({ fetch })
    await store.signIn('u1', 'right')
    const generation = store.generation.value
    state.signedIn = 0
    const saving = store.api.post('/api/v1/callbacks/1/outcome', { note: '患者说好' })
    await vi.waitFor(() => expect(store.phase.value).toBe('expired'))
    expect(store.session.value?.account.username).toBe('u1')
    await store.signIn('u1', 'right')
    await saving
    expect(state.saved).toEqual(['1:患者说好'])
    expect(store.generation.value).toBe(generation)
  })

  it('never sends one person’s work in another’s name', async () => {
    const { state, fetch } = gateway()
    const store = createSession({ fetch })
    await store.signIn('u1', 'right')
    const generation = store.generation.value
    state.signedIn = 0
    const saving = store.api.post('/api/v1/callbacks/1/outcome', { note: '患者说好' })
    const refused = expect(saving).rejects.toMatchObject({ status: 401 })
    await vi.waitFor(() => expect(store.phase.value).toBe('expired'))
    await store.signIn('u2', 'right')
    await refused
    expect(state.saved).toEqual([])
    expect(store.generation.value).toBeGreaterThan(generation)
    expect(store.replaced.value).toBe(true)
  })

  it('without resuming, a request that met the end fails at once', async () => {
    const { state, fetch } = gateway()
    const store = createSession({ fetch, resume: false })
    await store.signIn('u1', 'right')
    state.signedIn = 0
    await expect(store.api.post('/api/v1/operator/windows/w/transactions', {})).rejects.toMatchObject({ status: 401 })
    expect(store.phase.value).toBe('expired')
  })

  it('says when the gateway cannot be reached', async () => {
    const store = createSession({ fetch: () => Promise.reject(new TypeError('cut')) })
    await store.load()
    expect(store.phase.value).toBe('unreachable')
  })
})
