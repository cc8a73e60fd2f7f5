import '../shared/tokens.css'
import './phonepage.css'
import { createApp } from 'vue'
import { browserBytes, createUuid7 } from '../tablet/uuid7'
import App from './App.vue'
import { createSurveyApi } from './api'
import { phoneStorage } from './device'
import { createLanguages, LANGUAGES } from './language'

const token = location.pathname.match(/^\/s\/([^/]+)$/)?.[1] ?? ''
const lobby = token === '' && location.hash === '#lobby'
const uuid7 = createUuid7(browserBytes)
const languages = createLanguages(lobby ? null : phoneStorage())

// A page that comes back from the browser's memory may hold somebody's answers.
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload()
})

createApp(App, {
  token,
  lobby,
  api: createSurveyApi((input, init) => fetch(input, init)),
  newId: () => uuid7(Date.now()),
})
  .provide(LANGUAGES, languages)
  .mount('#app')
