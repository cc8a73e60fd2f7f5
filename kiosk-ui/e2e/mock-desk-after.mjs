// What the stand-in answers of the follow-up and the intake.
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const ago = (ms) => new Date(Date.now() - ms).toISOString()
const day = (offset) => new Date(Date.now() + offset * DAY).toISOString().slice(0, 10)
const ok = (body) => ({ status: 200, body })

const row = (more, invitations, states, answered, cost_fen) => {
  const offered = invitations - (states.queued ?? 0) - (states.ineligible ?? 0) - (states.refused ?? 0)
  return {
    ...more,
    invitations,
    states,
    offered,
    answered,
    response_rate: offered ? answered / offered : null,
    cost_fen,
  }
}
const week = (n, mode) => ({ year: 2026, week: n, mode })
const dispositions = {
  week: [
    row(week(48, 'sms_reply'), 64, { queued: 52, ineligible: 3, sent: 4, complete: 5 }, 5, 110),
    row(week(47, 'sms_code'), 31, { delivered: 9, unanswered: 16, complete: 5, undelivered: 1 }, 5, 310),
    row(
      week(47, 'sms_reply'),
      182,
      {
        delivered: 31,
        complete: 74,
        partial: 12,
        break_off: 6,
        unanswered: 48,
        opted_out: 4,
        undelivered: 3,
        refused: 2,
        stopped: 2,
      },
      94,
      4870,
    ),
    row(
      week(46, 'sms_reply'),
      171,
      { complete: 80, partial: 9, break_off: 4, unanswered: 70, opted_out: 3, undelivered: 5 },
      93,
      4620,
    ),
    row(week(45, 'sms_reply'), 3, { ineligible: 3 }, 0, 0),
  ],
  mode: [
    row({ mode: 'sms_code' }, 31, { delivered: 9, unanswered: 16, complete: 5, undelivered: 1 }, 5, 310),
    row(
      { mode: 'sms_reply' },
      420,
      {
        queued: 52,
        ineligible: 6,
        sent: 4,
        delivered: 31,
        complete: 159,
        partial: 21,
        break_off: 10,
        unanswered: 118,
        opted_out: 7,
        undelivered: 8,
        refused: 2,
        stopped: 2,
      },
      192,
      9600,
    ),
  ],
  department: [
    row(
      { department: 'cardiology', mode: 'sms_code' },
      31,
      { delivered: 9, unanswered: 16, complete: 5, undelivered: 1 },
      5,
      310,
    ),
    row(
      { department: 'cardiology', mode: 'sms_reply' },
      248,
      { queued: 30, complete: 101, partial: 14, unanswered: 98, opted_out: 5 },
      118,
      5600,
    ),
    row(
      { department: 'orthopaedics', mode: 'sms_reply' },
      172,
      { queued: 22, complete: 58, partial: 7, unanswered: 80, opted_out: 2, undelivered: 3 },
      66,
      4000,
    ),
  ],
}

const operator = {
  zh: '运营商不认令牌：请核对 QINGFENG_TWILIO_AUTH_TOKEN，重启后再继续。',
  en: 'the carrier does not know the token: check QINGFENG_TWILIO_AUTH_TOKEN, restart, then go on.',
}
const simulator = { name: 'simulator', simulated: true, countries: ['CN'], last_sent_at: ago(3 * MINUTE) }

function followup(scenario, state) {
  if (scenario === 'head') return { audience: 'department' }
  const none = scenario === 'empty'
  const halted = scenario === 'halted'
  return {
    audience: 'office',
    now: new Date(Date.now() + (state.hours ?? 0) * HOUR).toISOString(),
    campaign: { running: !(state.paused ?? halted) },
    ...(halted ? {} : { demo: { offset_hours: state.hours ?? 48 } }),
    carriers: halted
      ? [
          {
            name: 'twilio',
            simulated: false,
            countries: ['US', 'CA'],
            halted_at: ago(95 * MINUTE),
            code: '20003',
            operator,
          },
        ]
      : none
        ? []
        : [simulator],
    queue: { waiting: none ? 0 : 52, due: none ? 0 : 6, handing: 0, unknown: halted ? 2 : 0 },
    today: {
      day: day(0),
      modes: none
        ? []
        : [
            { mode: 'sms_code', invited: 6, sent: 6, delivered: 5, answered: 1, opted_out: 0 },
            { mode: 'sms_reply', invited: 38, sent: 32, delivered: 29, answered: 21, opted_out: 1 },
          ],
      spent: none ? [] : [{ carrier: 'simulator', texts: 71, segments: 88, cost_fen: 440 }],
      cost_fen: none ? 0 : halted ? 50_000 : 440,
      ...(none ? {} : { budget_fen: 50_000 }),
    },
    recent: {
      from: day(-28),
      modes: none
        ? []
        : [
            { mode: 'sms_code', offered: 31, answered: 5, response_rate: 5 / 31 },
            { mode: 'sms_reply', offered: 360, answered: 192, response_rate: 192 / 360 },
          ],
      total_cost_fen: none ? 0 : 9910,
    },
  }
}

const plan = (visits, least_segments, most_segments) => ({
  visits,
  least_segments,
  most_segments,
  least_fen: 5 * least_segments,
  most_fen: 5 * most_segments,
})
const text = (zh, en) => ({ zh, en })
const dryRun = {
  at: ago(0),
  looked: 613,
  invited: plan(118, 131, 742),
  by_mode: { sms_code: plan(14, 14, 28), sms_reply: plan(104, 117, 714) },
  by_department: { cardiology: plan(70, 80, 440), orthopaedics: plan(48, 51, 302) },
  by_day: [
    { day: day(0), ...plan(41, 45, 260) },
    { day: day(1), ...plan(44, 49, 280) },
    { day: day(2), ...plan(33, 37, 202) },
  ],
  invited_samples: [
    { visit: 4021, department: 'cardiology', mode: 'sms_reply', due_at: ago(-2 * HOUR) },
    { visit: 4025, department: 'orthopaedics', mode: 'sms_code', due_at: ago(-3 * HOUR) },
  ],
  refused: [
    {
      reason: 'outpatient',
      text: text('门诊或急诊，不属于出院随访', 'An outpatient or emergency visit, which this survey is not for'),
      visits: 301,
      samples: [{ visit: 3988, department: 'cardiology' }],
    },
    {
      reason: 'opted_out',
      text: text('已退订医院短信', 'Told the hospital to stop texting'),
      visits: 6,
      samples: [{ visit: 4007, department: 'orthopaedics' }],
    },
    {
      reason: 'no_number',
      text: text('没有可用的手机号码', 'No number that can be texted'),
      visits: 22,
      samples: [
        { visit: 4011, department: 'cardiology' },
        { visit: 4012, department: 'cardiology' },
      ],
    },
    {
      reason: 'cool_down',
      text: text('近期已经邀请过该患者', 'The patient was asked a short while ago'),
      visits: 166,
      samples: [],
    },
  ],
  budget_fen: 500,
}

const rejected = [
  {
    id: 3,
    source: 'hl7',
    reason: text('没有患者号（PID-3）', 'no patient number (PID-3)'),
    times: 4,
    at: ago(3 * HOUR),
    last_at: ago(20 * MINUTE),
  },
  {
    id: 4,
    source: 'fhir',
    reason: text('没有就诊号', 'no visit number'),
    times: 1,
    at: ago(50 * MINUTE),
    last_at: ago(50 * MINUTE),
  },
]
const settled = [
  { ...rejected[0], id: 1, resolved_at: ago(DAY), resolved_by: 'sunhao', note: '接口组已补上患者号，对方已重发。' },
]
const report = {
  rows: 214,
  added: 180,
  updated: 21,
  unchanged: 9,
  stale: 1,
  refused: 3,
  warnings: 3,
  lines: [
    { line: 18, kind: 'refused', reason: text('出院时间早于入院时间', 'discharged before admitted') },
    {
      line: 44,
      kind: 'warning',
      reason: text('病区未知，请在设置中添加对应关系', 'the ward is unknown; map it in the settings'),
    },
    {
      line: 97,
      kind: 'warning',
      reason: text(
        '没有可发短信的手机号（14 岁以下须为监护人的）',
        'no mobile number that may be texted (under 14: a guardian’s)',
      ),
    },
    { line: 130, kind: 'refused', reason: text('没有患者号', 'no patient number') },
  ],
  unlisted: 2,
}

/** The answer, or nothing when the address is none of these parts. */
export function afterAnswers(method, path, url, scenario, state) {
  if (!path.startsWith('/followup') && !path.startsWith('/intake')) return undefined
  const none = scenario === 'empty'
  const list = (name, items) => ok({ [name]: none ? [] : items })
  switch (`${method} ${path.replace(/\/\d+(?=\/|$)/, '/:id')}`) {
    case 'GET /followup':
      return ok(followup(scenario, state))
    case 'GET /followup/dispositions': {
      const by = url.searchParams.get('by') ?? 'mode'
      const rows = none ? [] : dispositions[by].filter((r) => scenario !== 'head' || r.answered >= 10)
      return ok({ by, rows, ...(scenario === 'head' ? { held: 1 } : {}) })
    }
    case 'POST /followup/dry-run':
      return ok(
        none
          ? { ...dryRun, invited: plan(0, 0, 0), invited_samples: [], refused: [], by_day: [], by_mode: {} }
          : dryRun,
      )
    case 'POST /followup/switch':
      state.paused = !state.paused
      return ok({ running: !state.paused })
    case 'POST /followup/demo-clock':
      state.hours = (state.hours ?? 0) + 48
      return ok({ now: ago(0), demo: { offset_hours: state.hours } })
    case 'GET /followup/replies':
      return list(
        'replies',
        [41, 38, 33, 20].map((id, i) => ({ id, received_at: ago((i + 1) * 7 * HOUR) })),
      )
    case 'POST /followup/replies/:id/reveal':
      return ok({ text: '上次说的复查，是空腹去吗？' })
    case 'GET /followup/opt-outs':
      return list('opt_outs', [
        { id: 5, number: '…0138', how: 'reply', at: ago(5 * HOUR) },
        { id: 2, number: '…7741', how: 'carrier', at: ago(9 * DAY) },
      ])
    case 'GET /followup/suppressions':
      return list('suppressions', [{ id: 1, number: '…5520', carrier: 'twilio', code: '30005', at: ago(2 * DAY) }])
    case 'GET /intake':
      return ok({
        ...(none
          ? {}
          : {
              hl7: {
                address: '127.0.0.1:2575',
                listening: true,
                connections: 1,
                accepted: 1841,
                ignored: 212,
                errors: 0,
                rejected: 4,
                turned_away: 0,
                last_message_at: ago(2 * MINUTE),
              },
            }),
        rejected: none ? 0 : 2,
        unknown_wards: none ? 0 : 2,
        max_file_bytes: 10 << 20,
        may_open: true,
      })
    case 'GET /intake/rejected':
      return list('rejected', url.searchParams.get('state') === 'resolved' ? settled : rejected)
    case 'POST /intake/rejected/:id/reveal':
      return ok({
        payload:
          'MSH|^~\\&|HIS|QF|SURVEY|QF|20261121101500||ADT^A03|M0042|P|2.5\rEVN|A03|20261121101500\rPID|1||||测试^患者||19710302|F\rPV1|1|I|0312^12',
        charset: 'gb18030',
      })
    case 'GET /intake/unknown-wards':
      return list('unknown_wards', [
        { source: 'hl7', code: '0312', count: 37, last_at: ago(9 * MINUTE) },
        { source: 'csv', code: '日间手术', count: 2, last_at: ago(DAY) },
      ])
    case 'POST /intake/discharges':
      return ok(report)
  }
  return { status: method === 'POST' ? 204 : 404 }
}
