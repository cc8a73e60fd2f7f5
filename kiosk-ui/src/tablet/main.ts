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

const screen = createScreenI18n(messages)
const openDatabase = databaseOpener()
const newId = createUuid7(browserBytes)
const queue = new FactQueue(idbFactStore(openDatabase), { now: Date.now })
const tablet = new Tablet({ queue, now: Date.now, newId, changed: show })
const state = shallowRef<State>(tablet.state)
const now = ref(Date.now())
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
}

function fault(): void {
  tablet.dispatch({ type: 'faulted' })
}

async function run(): Promise<void> {
  if (!window.isSecureContext || !globalThis.indexedDB) {
    fault()
    return
  }
  await becomeActive(() => tablet.dispatch({ type: 'standby' }))
  void navigator.storage?.persist?.().catch(() => false)
  keepAwake()
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
app.mount('#app')

const idle = () => state.value.screen.kind === 'idle' && Date.now() - state.value.lastTouch > UPDATE_QUIET_MILLIS
const letUpdatesIn = watchUpdates(idle)
guardPage(() => tablet.dispatch({ type: 'left' }))
watchPresence({
  touched: () => tablet.dispatch({ type: 'touched' }),
  tick: () => {
    now.value = Date.now()
    tablet.dispatch({ type: 'tick' })
    device.tick()
    void letUpdatesIn.then((letIn) => letIn())
  },
})
run().catch(fault)
