import { gradeOrder, gradeText } from '../shared/grades'
import { inLanguage } from '../shared/i18n'
import type { Item } from '../shared/wire'
import { neutralHeading, question, type State } from './session'

type Translate = (key: string, named?: Record<string, unknown>) => string

/** What is read aloud of the present screen, sentence by sentence. Never what was chosen. */
export function readout(state: State, t: Translate): string[] {
  const { screen, welcome, prefs } = state
  const tx = (text: Parameters<typeof inLanguage>[0]) => inLanguage(text, prefs.language)
  switch (screen.kind) {
    case 'idle':
      return [
        tx(welcome?.hospital.name),
        t('idle.rules'),
        ...(welcome?.hospital.nine_rules ?? []).map(tx),
        ...(welcome?.hospital.reporting_phones ?? []).map((p) => `${tx(p.label)} ${[...p.number].join(' ')}`),
        t('idle.rate_hint'),
      ]
    case 'asked': {
      const prompt = screen.prompt?.prompt
      const staff = prompt?.staff
      return [
        tx(welcome?.place?.name),
        prompt ? t('asked.done', { what: tx(prompt.transaction_text) }) : t('asked.unasked'),
        ...(staff ? [t('asked.staff_spoken', { name: tx(staff.name), number: [...staff.number].join(' ') })] : []),
        tx(question(welcome)),
        ...gradeOrder(welcome?.device.mirrored ?? false).map((g) => tx(gradeText(g))),
        t('asked.touch'),
      ]
    }
    case 'why': {
      if (screen.panel !== 'tags') {
        const item = screen.items.find((i) => i.kind === (screen.panel === 'comment' ? 'text' : 'phone'))
        return [tx(item?.text)]
      }
      // The tags would tell the whole counter what was tapped: they are for the eyes.
      const has = (kind: Item['kind']) => screen.items.some((item) => item.kind === kind)
      return [
        tx(neutralHeading(welcome?.questionnaire)) || t('why.title'),
        ...(has('text') ? [t('why.comment')] : []),
        ...(has('phone') ? [t('why.phone')] : []),
        t('why.send'),
        t('why.skip'),
      ]
    }
    case 'thanks':
      return [t('thanks.title'), t(`thanks.${screen.delivery}`)]
    case 'paper':
      return [t('paper.title'), t('paper.text')]
    case 'out_of_service':
      return [t('out.title'), t('out.text')]
    case 'faulty':
      return [t('faulty.title'), t('faulty.text')]
    default:
      return []
  }
}
