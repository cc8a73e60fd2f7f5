import '../shared/tokens.css'
import './phonepage.css'
import { createApp } from 'vue'
import { createScreenI18n } from '../shared/i18n'
import { browserBytes, createUuid7 } from '../tablet/uuid7'
import App from './App.vue'
import { createSurveyApi } from './api'
import { messages } from './messages'

const token = location.pathname.match(/^\/s\/([^/]+)$/)?.[1] ?? ''
const lobby = token === '' && location.hash === '#lobby'
const uuid7 = createUuid7(browserBytes)
const languages = createScreenI18n(messages, lobby ? {} : { remember: 'survey.language' })

// A page that comes back from the browser's memory may hold somebody's answers.
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload()
})

createApp(App, {
  languages,
  token,
  lobby,
  api: createSurveyApi((input, init) => fetch(input, init)),
  newId: () => uuid7(Date.now()),
})
  .use(languages.plugin)
  .mount('#app')
