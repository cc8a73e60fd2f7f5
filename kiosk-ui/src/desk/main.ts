import { createApp } from 'vue'
import { createScreenI18n } from '../shared/i18n'
import App from './App.vue'
import en from './messages/en'
import zh from './messages/zh'
import '../shared/tokens.css'
import './desk.css'

const languages = createScreenI18n({ zh, en }, { remember: 'desk.language' })
createApp(App, { languages }).use(languages.plugin).mount('#app')
