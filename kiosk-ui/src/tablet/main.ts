import '../shared/tokens.css'
import './tablet.css'
import { createApp, ref, shallowRef } from 'vue'
import { createScreenI18n } from '../shared/i18n'
import App from './App.vue'
import { Device } from './boot'
import { TABLET } from './context'
import { databaseOpener, metaStore } from './database'
import { idbFactStore } from './factstore'
import { guardPage } from './guard'
import { watchPresence } from './idle'
import { messages } from './messages'
import { FactQueue } from './queue'
import { readout } from './readout'
import type { State } from './session'
import { becomeActive } from './singletab'
import type { Wire } from './socket'
import { Reader, type SpeechState } from './speech'
import { Tablet } from './tablet'
import { watchUpdates } from './updates'
import { browserBytes, createUuid7 } from './uuid7'
import { keepAwake } from './wakelock'

/** A new build comes in only after nobody has touched the screen for this long. */
const UPDATE_QUIET_MILLIS = 30_000
/** A disk that has not said by then who this device is lets the page's own "please wait" stand in for the shell's. */
const SHELL_MILLIS = 2_000
/** What patients do not wait for begins when the browser has time, at the latest after this. */
const LATER_MILLIS = 1_000

const screen = createScreenI18n(messages)
const openDatabase = databaseOpener()
const newId = createUuid7(browserBytes)
const queue = new FactQueue(idbFactStore(openDatabase), { now: Date.now })
const tablet = new Tablet({ queue, now: Date.now, newId, changed: show })
const state = shallowRef<State>(tablet.state)
const now = ref(Date.now())
let mounted = false
let letUpdatesIn: Promise<() => void> | undefined
const speech = ref<SpeechState>('quiet')
const reader = new Reader((next) => {
  speech.value = next
})
const device = new Device({
  tablet,
  queue,
  meta: metaStore(openDatabase),
  kind: 'window_tablet',
  origin: location.origin,
  instance: newId(Date.now()),
  version: new URL(import.meta.url).pathname.split('/').at(-1) ?? '',
  open: () => new WebSocket(`${location.origin.replace(/^http/, 'ws')}/ws/device`) as unknown as Wire,
  fetch: (input, init) => fetch(input, init),
  now: Date.now,
})

/** The one way from the session to what is seen. */
function show(next: State): void {
  if (next.screen.kind !== state.value.screen.kind) reader.stop()
  if (next.prefs !== state.value.prefs) {
    screen.set(next.prefs.language)
    const root = document.documentElement
    root.toggleAttribute('data-large', next.prefs.large)
    if (next.prefs.contrast) root.dataset.contrast = 'high'
    else delete root.dataset.contrast
  }
  state.value = next
  if (next.screen.kind !== 'starting') mountOnce()
}

function fault(): void {
  tablet.dispatch({ type: 'faulted' })
}

async function run(): Promise<void> {
  if (!window.isSecureContext || !globalThis.indexedDB) {
    fault()
    return
  }
  // Opened while the lock is asked for; whoever reads first hears what went wrong.
  openDatabase().catch(() => {})
  await becomeActive(() => tablet.dispatch({ type: 'standby' }))
  window.addEventListener('online', () => device.networkChanged())
  window.addEventListener('offline', () => device.networkChanged())
  await device.start()
}

const app = createApp(App)
app.config.errorHandler = fault
app.use(screen.plugin)
app.provide(TABLET, {
  tablet,
  state,
  now,
  speech,
  canSpeak: reader.available,
  readAloud: () => {
    if (speech.value === 'speaking') reader.stop()
    else reader.read(readout(state.value, screen.t), state.value.prefs.language)
  },
  again: () => void device.again().catch(fault),
})

/** The shell in tablet.html stands until the first screen is known: nothing is rendered twice. */
function mountOnce(): void {
  if (mounted) return
  mounted = true
  app.mount('#app')
  requestAnimationFrame(() => requestAnimationFrame(() => later(settleIn)))
}

function later(work: () => void): void {
  if ('requestIdleCallback' in window) requestIdleCallback(work, { timeout: LATER_MILLIS })
  else setTimeout(work)
}

/** What the first screen does not need. */
function settleIn(): void {
  letUpdatesIn = watchUpdates(
    () => state.value.screen.kind === 'idle' && Date.now() - state.value.lastTouch > UPDATE_QUIET_MILLIS,
  )
  void navigator.storage?.persist?.().catch(() => false)
  keepAwake()
}

guardPage(() => tablet.dispatch({ type: 'left' }))
watchPresence({
  touched: () => tablet.dispatch({ type: 'touched' }),
  tick: () => {
    now.value = Date.now()
    tablet.dispatch({ type: 'tick' })
    device.tick()
    void letUpdatesIn?.then((letIn) => letIn())
  },
})
setTimeout(mountOnce, SHELL_MILLIS)
run().catch(fault)
