// Values the tablet's tests share.
import type { Prompt, Welcome } from '../shared/wire'
import type { LocalPrompt } from './session'

const text = (zh: string, en = zh) => ({ zh, en })

export const welcome: Welcome = {
  type: 'welcome',
  server_time: '2026-11-21T02:00:00.000Z',
  device: { id: 'd', kind: 'window_tablet', name: '2号', mirrored: false },
  hospital: {
    name: text('青禾医院', 'Qinghe Hospital'),
    reporting_phones: [{ label: text('行风办', 'Conduct office'), number: '12320' }],
    nine_rules: [text('合法按劳取酬，不接受商业提成', 'Earn pay lawfully')],
    zone: 'Asia/Shanghai',
  },
  place: {
    id: 'settlement-2',
    kind: 'window',
    name: text('2号窗口', 'Window 2'),
    department: { id: 'finance', name: text('财务科', 'Finance') },
  },
  questionnaire: {
    version: 'v1',
    title: text('窗口评价'),
    items: [
      { id: 'overall', kind: 'grade', text: text('满意吗？', 'Satisfied?') },
      {
        id: 'improve',
        kind: 'tags',
        text: text('哪些方面？', 'Which?'),
        options: [
          { id: 'queue', text: text('看病少排队', 'Queues') },
          { id: 'talk', text: text('沟通更顺畅', 'Talk') },
        ],
        when: { item: 'overall', at_most: 2 },
      },
      { id: 'comment', kind: 'text', text: text('还有吗？', 'More?'), when: { item: 'overall', at_most: 2 } },
      { id: 'callback', kind: 'phone', text: text('回电话', 'Call'), when: { item: 'overall', at_most: 2 } },
    ],
  },
  settings: { idle_reset_seconds: 20, thanks_seconds: 4, prompt_seconds: 60, languages: ['zh', 'en'] },
}

export function promptNamed(id: string): Prompt {
  return {
    id,
    transaction_kind: 'settlement',
    transaction_text: text('缴费结算', 'Payment'),
    window: 'settlement-2',
    staff: { number: '1024', name: text('李秀梅', 'Li Xiumei'), title: text('收费员', 'Cashier') },
    created_at: '2026-11-21T02:00:00.000Z',
    expires_at: '2026-11-21T02:01:00.000Z',
  }
}

export function localPrompt(id: string, expiresAt: number): LocalPrompt {
  return { prompt: promptNamed(id), expiresAt }
}
