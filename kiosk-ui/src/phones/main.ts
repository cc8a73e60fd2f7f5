import { createApp } from 'vue'
import { createScreenI18n } from '../shared/i18n'
import App from './App.vue'
import { messages } from './messages'
import '../shared/tokens.css'
import './phones.css'

const languages = createScreenI18n(messages, { remember: 'phones.language' })
createApp(App, { languages }).use(languages.plugin).mount('#app')
