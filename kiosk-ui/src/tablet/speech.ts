import { HTML_LANG } from '../shared/i18n'
import type { Language } from '../shared/wire'

/** Slower than speech among the young. */
const RATE = 0.9

export type SpeechState = 'quiet' | 'speaking' | 'unavailable'

/** Reads aloud on request. What it cannot say it reports, so that no button does nothing. */
export class Reader {
  constructor(
    private readonly onState: (state: SpeechState) => void,
    private readonly synth: SpeechSynthesis | undefined = globalThis.speechSynthesis,
    private readonly Utterance: typeof SpeechSynthesisUtterance | undefined = globalThis.SpeechSynthesisUtterance,
  ) {}

  get available(): boolean {
    return this.synth !== undefined && this.Utterance !== undefined
  }

  /** Says the sentences one after another; what was being said stops. */
  read(sentences: string[], language: Language): void {
    const { synth, Utterance } = this
    if (!synth || !Utterance) {
      this.onState('unavailable')
      return
    }
    synth.cancel()
    const voice = chooseVoice(synth.getVoices(), language)
    sentences.forEach((sentence, i) => {
      const utterance = new Utterance(sentence)
      utterance.lang = HTML_LANG[language]
      utterance.rate = RATE
      if (voice) utterance.voice = voice
      if (i === sentences.length - 1) utterance.onend = () => this.onState('quiet')
      utterance.onerror = (event) => {
        if (event.error !== 'canceled' && event.error !== 'interrupted') this.onState('unavailable')
      }
      synth.speak(utterance)
    })
    this.onState('speaking')
  }

  stop(): void {
    this.synth?.cancel()
    this.onState('quiet')
  }
}

/** A voice of the language that works without network, where there is one. */
export function chooseVoice(voices: SpeechSynthesisVoice[], language: Language): SpeechSynthesisVoice | undefined {
  const spoken = (voice: SpeechSynthesisVoice) => voice.lang.toLowerCase().replace('_', '-')
  const fits =
    language === 'zh'
      ? voices.filter((v) => /^(zh-cn|zh-hans|cmn)/.test(spoken(v)))
      : voices.filter((v) => spoken(v).startsWith('en'))
  return fits.find((v) => v.localService) ?? fits[0]
}
