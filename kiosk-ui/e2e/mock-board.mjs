// A hospital that does not exist, and a gateway that answers a board from it:
// what the board's pictures and checks are taken against. Nothing of it is built
// into the screens.

const departments = [
  ['outpatient', '门诊部', 'Outpatients', 93.1, 420],
  ['cashier', '收费结算科', 'Cashiers', 84.6, 612, 14],
  ['admission', '入出院管理科', 'Admissions', 90.4, 233],
  ['pharmacy', '药学部', 'Pharmacy', 91.7, 388],
  ['internal', '心血管内科', 'Cardiology', 95.2, 96],
  ['respiratory', '呼吸与危重症医学科', 'Respiratory and critical care', 92.8, 71],
  ['digestive', '消化内科', 'Gastroenterology', 88.3, 64],
  ['neurology', '神经内科', 'Neurology', 90.9, 58],
  ['endocrine', '内分泌科', 'Endocrinology', 94.6, 42],
  ['nephrology', '肾内科', 'Nephrology', 93.3, 29],
  ['surgery', '普通外科', 'General surgery', 91.2, 85],
  ['orthopaedics', '骨科', 'Orthopaedics', 86.9, 77, 3],
  ['urology', '泌尿外科', 'Urology', 90.1, 38],
  ['neurosurgery', '神经外科', 'Neurosurgery', 89.5, 22],
  ['obstetrics', '妇产科', 'Obstetrics and gynaecology', 96.1, 118],
  ['paediatrics', '儿科', 'Paediatrics', 83.2, 104],
  ['emergency', '急诊科', 'Emergency', 79.4, 131],
  ['eye', '眼科', 'Ophthalmology', 92.2, 33],
  ['ent', '耳鼻咽喉科', 'Ear, nose and throat', 91.5, 27],
  ['stomatology', '口腔科', 'Dentistry', 97.0, 19],
  ['dermatology', '皮肤科', 'Dermatology', 90.0, 7],
  ['tcm', '中医科', 'Chinese medicine', 0, 0],
  ['rehabilitation', '康复医学科', 'Rehabilitation', 92.0, 12],
  ['imaging', '医学影像科', 'Imaging', 89.0, 4],
]

const places = {
  outpatient: [
    ['reg-1', '1号挂号窗口', 'Registration 1', 'window', 94.2, 148],
    ['reg-2', '2号挂号窗口', 'Registration 2', 'window', 92.3, 131],
    ['lobby', '门诊大厅自助点', 'Outpatient lobby', 'lobby', 92.9, 141],
  ],
  cashier: [
    ['set-1', '1号结算窗口', 'Payment 1', 'window', 90.5, 205],
    ['set-2', '2号结算窗口', 'Payment 2', 'window', 88.1, 198],
    ['set-3', '3号结算窗口', 'Payment 3', 'window', 75.3, 209, 14],
  ],
  admission: [
    ['adm-1', '入院登记窗口', 'Admission desk', 'window', 91.9, 119],
    ['dis-1', '出院结算窗口', 'Discharge desk', 'window', 88.8, 114],
  ],
  pharmacy: [
    ['pha-1', '门诊药房1号窗', 'Pharmacy 1', 'window', 92.6, 196],
    ['pha-2', '门诊药房2号窗', 'Pharmacy 2', 'window', 90.8, 192],
  ],
  internal: [['ward-3a', '三病区（心内）', 'Ward 3A', 'ward', 95.2, 96]],
  respiratory: [['ward-5b', '五病区（呼吸）', 'Ward 5B', 'ward', 92.8, 71]],
  surgery: [['ward-7a', '七病区（普外）', 'Ward 7A', 'ward', 91.2, 85]],
  obstetrics: [['ward-9', '九病区（产科）', 'Ward 9', 'ward', 96.1, 118]],
  paediatrics: [['ward-11', '十一病区（儿科）', 'Ward 11', 'ward', 83.2, 104]],
  dermatology: [['ward-12', '十二病区（皮肤）', 'Ward 12', 'ward', 90.0, 7]],
}

/** Of a ward's answers, those that came by text after discharge: mode, share, how far its score lies off. */
const byText = {
  internal: [['sms_reply', 0.3, -4.1]],
  respiratory: [
    ['sms_reply', 0.25, -2.2],
    ['sms_link', 0.08, 1.5],
  ],
  surgery: [
    ['sms_code', 0.14, -6.3],
    ['sms_link', 0.2, -3.8],
    ['sms_reply', 0.25, -1.2],
  ],
  obstetrics: [['sms_link', 0.4, -1.9]],
  paediatrics: [['sms_reply', 0.22, -5.5]],
  dermatology: [['sms_reply', 0.4, 0]],
}

const modeOf = { window: 'window', ward: 'bedside', lobby: 'lobby' }

/** mulberry32: the same hospital every time. */
function random(seed) {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

function figure(score, answered, flagged, next) {
  const offered = answered === 0 ? 0 : Math.round(answered / (0.52 + next() * 0.2))
  const base = { offered, answered, response_rate: offered ? answered / offered : null }
  if (answered === 0) return { ...base, shown: false, withheld: 'no_data' }
  if (answered < 10) return { ...base, shown: false, withheld: 'not_enough' }
  const half = 38 / Math.sqrt(answered)
  const dissatisfied = Math.min(0.4, Math.max(0.004, (97 - score) / 190))
  const spread = 1.6 * Math.sqrt((dissatisfied * (1 - dissatisfied)) / answered)
  const low = Math.round(answered * dissatisfied)
  const best = Math.round((answered - low) * Math.min(0.92, (score - 50) / 52))
  const fair = Math.round((answered - low - best) * 0.3)
  const worst = Math.round(low * 0.35)
  return {
    ...base,
    shown: true,
    score,
    score_low: Math.max(0, score - half),
    score_high: Math.min(100, score + half * 0.92),
    ...(flagged ? { flagged, cleaned_score: score - 0.9 } : {}),
    satisfied: 1 - dissatisfied,
    dissatisfied,
    dissatisfied_low: Math.max(0, dissatisfied - spread),
    dissatisfied_high: dissatisfied + spread,
    grades: [worst, low - worst, fair, answered - low - best - fair, best],
  }
}

function hours(score, answered, next) {
  const shape = [0.3, 0.9, 1.4, 1.5, 1.1, 0.5, 0.7, 1.2, 1.3, 0.9, 0.5]
  const sum = shape.reduce((a, b) => a + b, 0)
  return shape.map((s, i) => {
    const n = Math.round((answered * s * (0.7 + next() * 0.6)) / sum)
    return { hour: 7 + i, answered: n, score: n >= 5 ? Math.min(99, score + (next() - 0.55) * 14) : null }
  })
}

/** A place's modes; a mode of too few answers takes the smallest other with it. */
function modesOf({ kind, figure: whole }, texts, next) {
  const parts = texts.map(([mode, share, off]) => {
    return {
      mode,
      figure: figure(Math.round(((whole.score ?? 90) + off) * 10) / 10, Math.round(whole.answered * share), 0, next),
    }
  })
  if (parts.length === 0) return [{ mode: modeOf[kind], figure: whole }]
  const rest = whole.answered - parts.reduce((n, part) => n + part.figure.answered, 0)
  const modes = [{ mode: modeOf[kind], figure: figure((whole.score ?? 90) + 1.3, rest, 0, next) }, ...parts]
  const small = modes.filter((m) => m.figure.withheld === 'not_enough')
  if (small.length === 1) {
    const shown = modes.filter((m) => m.figure.shown).sort((a, b) => a.figure.answered - b.figure.answered)
    if (shown[0]) shown[0].figure = { ...withoutFigure(shown[0].figure), withheld: 'protected' }
  }
  return modes
}

function withoutFigure({ offered, answered, response_rate }) {
  return { offered, answered, response_rate, shown: false }
}

const nothing = { offered: 0, answered: 0, response_rate: null, shown: false, withheld: 'no_data' }

function sum(list, key) {
  return list.reduce((total, unit) => total + (unit.figure[key] ?? 0), 0)
}

/** The hospital: `busy`, `empty` (a first day) or `suppressed` (a small site, much withheld). */
export function hospital(state = 'busy') {
  const next = random(7)
  const scale = state === 'empty' ? 0 : state === 'suppressed' ? 0.06 : 1
  const units = departments.map(([id, zh, en, score, n, flagged]) => {
    const answered = Math.round(n * scale)
    const inside = (places[id] ?? []).map(([place, pzh, pen, kind, pscore, pn, pflagged]) => ({
      id: place,
      kind,
      name: { zh: pzh, en: pen },
      figure: figure(pscore, Math.round(pn * scale), scale === 1 ? pflagged : 0, next),
      modes: [],
      unasked: nothing,
      hours: scale ? hours(pscore, pn * scale, next) : [],
    }))
    for (const place of inside) place.modes = modesOf(place, byText[id] ?? [], next)
    const kinds = [...new Set(inside.map((p) => modeOf[p.kind]))]
    const own = inside.length === 1 ? inside[0].figure : figure(score, answered, scale === 1 ? flagged : 0, next)
    const pooled = kinds.map((mode) => {
      const of = inside.filter((p) => modeOf[p.kind] === mode)
      return { mode, figure: figure(of[0].figure.score ?? 90, sum(of, 'answered'), 0, next) }
    })
    const modes =
      inside.length === 1 ? inside[0].modes : kinds.length > 1 ? pooled : [{ mode: kinds[0] ?? 'bedside', figure: own }]
    return {
      id,
      kind: 'department',
      name: { zh, en },
      figure: own,
      modes,
      unasked: scale === 1 && ['outpatient', 'emergency'].includes(id) ? figure(86.4, 23, 0, next) : nothing,
      hours: answered ? hours(score, answered, next) : [],
      places: inside,
    }
  })
  if (state === 'suppressed') {
    units[0].figure = { ...units[0].figure, shown: false, withheld: 'protected' }
    units[0].places[0].figure = { ...units[0].places[0].figure, shown: false, withheld: 'protected' }
  }
  const answered = sum(units, 'answered')
  const all = {
    id: 'hospital',
    kind: 'hospital',
    name: { zh: '青州市第一人民医院', en: "Qingzhou First People's Hospital" },
    figure: figure(89.7, answered, scale === 1 ? 17 : 0, next),
    modes: scale
      ? [
          { mode: 'window', figure: figure(88.9, Math.round(answered * 0.62), 0, next) },
          { mode: 'bedside', figure: figure(92.4, Math.round(answered * 0.25), 0, next) },
          { mode: 'lobby', figure: figure(91.0, Math.round(answered * 0.05), 0, next) },
          { mode: 'sms_code', figure: figure(84.9, Math.round(answered * 0.01), 0, next) },
          { mode: 'sms_link', figure: figure(88.2, Math.round(answered * 0.03), 0, next) },
          { mode: 'sms_reply', figure: figure(86.7, Math.round(answered * 0.04), 0, next) },
        ]
      : [],
    unasked: scale ? figure(86.1, Math.round(46 * scale) || 3, 0, next) : nothing,
    hours: answered ? hours(89.7, answered, next) : [],
  }
  return { hospital: all, departments: units }
}

const at = (minutesAgo) => new Date(Date.now() - minutesAgo * 60_000).toISOString()

const spots = [
  'set-3',
  'reg-1',
  'pha-2',
  'ward-3a',
  'adm-1',
  'set-1',
  'lobby',
  'ward-9',
  '',
  'ward-11',
  'set-2',
  'dis-1',
]

const arrivedBy = (place, i) =>
  place === 'lobby'
    ? 'lobby'
    : place === ''
      ? 'sms_link'
      : !place.startsWith('ward')
        ? 'window'
        : i > 5
          ? 'sms_reply'
          : 'bedside'

export function arrivals() {
  return spots.map((place, i) => ({
    at: at(i * 1.7),
    department: place ? 'cashier' : '',
    place,
    mode: arrivedBy(place, i),
    grade: [5, 5, 4, 5, 3, 5, 4, 5, 1, 4, 5, 5][i],
    series: place === 'lobby' ? 'unasked' : 'asked',
  }))
}

const reasons = {
  less_queueing: { zh: '排队太久', en: 'Long wait in line' },
  smoother_communication: { zh: '没有讲清楚', en: 'Not explained clearly' },
  thoughtful_nursing: { zh: '护理不够周到', en: 'Nursing was not attentive' },
  easier_settlement: { zh: '缴费结算麻烦', en: 'Paying was a hassle' },
}

export function callbacks(open = 5) {
  const list = [
    ['set-3', 1, ['less_queueing', 'smoother_communication'], true, 'calling'],
    ['ward-11', 2, ['thoughtful_nursing'], true, 'open', 'sms_reply'],
    ['set-3', 2, ['easier_settlement', 'less_queueing'], false, 'open'],
    ['', 1, ['easier_settlement'], true, 'open', 'sms_link'],
    ['ward-7a', 0, [], true, 'open', 'sms_code'],
  ].map(([place, grade, tags, phone, state, mode], i) => ({
    id: `c${i}`,
    at: at(200 - i * 31),
    department: place ? 'cashier' : '',
    place,
    ...(mode ? { mode } : {}),
    grade,
    tags: tags.map((id) => ({ id, text: reasons[id] })),
    phone,
    state,
  }))
  return { open, overdue: open ? 1 : 0, done_today: open ? 7 : 0, list: list.slice(0, open) }
}

export function devices(broken = true) {
  return [...spots, 'reg-2', 'ward-5b', 'ward-7a', 'ward-12'].map((place, i) => ({
    id: `d${i}`,
    name: `${place.startsWith('ward') ? '床旁' : '窗口'}平板 ${String(i + 1).padStart(2, '0')}`,
    kind: 'window_tablet',
    place,
    online: !(broken && i === 3),
    since: at(47),
    faults: broken && i === 0 ? ['key_not_seen'] : [],
  }))
}

/** The department whose head looks, by state. */
const heads = { department: 'cashier', ward_department: 'surgery' }

/** What a department's head gets: the own department, nothing of the hospital's. */
function departmentOnly(whole, id) {
  const figure = { ...nothing, withheld: 'protected' }
  return {
    audience: 'department',
    hospital: { ...whole.hospital, figure, unasked: figure, modes: [], hours: [] },
    departments: whole.departments.filter((unit) => unit.id === id),
  }
}

/** The snapshot a board gets in this state and period. */
export function snapshot(state, period) {
  const quiet = state === 'empty' || state === 'first_touch'
  const whole = hospital(quiet ? 'empty' : state === 'suppressed' ? state : 'busy')
  if (state === 'first_touch') {
    const one = { ...nothing, answered: 1, withheld: 'not_enough' }
    whole.hospital.unasked = one
    whole.departments[0].unasked = one
  }
  return {
    type: 'snapshot',
    epoch: 'e1',
    offset: 100,
    period,
    as_of: at(state === 'behind' ? 4 : 0),
    behind: state === 'behind',
    audience: 'office',
    zone: 'Asia/Shanghai',
    min_answers: 10,
    ...whole,
    ...(heads[state]
      ? departmentOnly(whole, heads[state])
      : {
          arrivals: quiet ? arrivals().slice(0, state === 'first_touch' ? 1 : 0) : arrivals(),
          callbacks: callbacks(quiet ? 0 : 5),
        }),
    devices: devices(!quiet),
  }
}

/**
 * Answers the page's board socket and ticket as a gateway would. `state` is one of
 * busy, empty, first_touch, suppressed, department, ward_department, behind, disconnected, signed_out,
 * revoked_device, pairing.
 * Returns what the page did and a way to send frames.
 */
export async function serveBoard(page, state = 'busy') {
  const seen = { subscribed: [], sockets: 0, send: () => {}, close: () => {} }
  await page.route('**/api/v1/enrolments', (route) =>
    route.fulfill({ status: 201, json: { enrolment_id: 'e', secret: 's', code: 'K7PM3XQ2', expires_at: at(-10) } }),
  )
  await page.route('**/api/v1/enrolments/*', (route) =>
    route.fulfill({ json: state === 'revoked_device' ? { state: 'approved', device_id: 'd1' } : { state: 'waiting' } }),
  )
  await page.route('**/api/v1/board/ticket', (route) =>
    ['signed_out', 'pairing', 'revoked_device'].includes(state)
      ? route.fulfill({ status: 401, json: { code: 'not_signed_in', message: 'sign in first' } })
      : route.fulfill({ json: { ticket: 't', expires_at: at(-0.5) } }),
  )
  await page.routeWebSocket('**/ws/board', (socket) => {
    seen.sockets++
    seen.send = (frame) => socket.send(JSON.stringify(frame))
    seen.close = (code) => socket.close({ code })
    if (state === 'disconnected' && seen.sockets > 1) {
      socket.close({ code: 1001 })
      return
    }
    socket.onMessage((data) => {
      const frame = JSON.parse(data)
      if (frame.type === 'hello') socket.close({ code: 4403 })
      if (frame.type !== 'subscribe') return
      seen.subscribed.push(frame)
      socket.send(JSON.stringify(snapshot(state, frame.period)))
      if (state === 'disconnected') setTimeout(() => socket.close({ code: 1001 }), 150)
    })
    socket.send(JSON.stringify({ type: 'challenge', nonce: 'bm9uY2U', server_time: new Date().toISOString() }))
  })
  return seen
}
