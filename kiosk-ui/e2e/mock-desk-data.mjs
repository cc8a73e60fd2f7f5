// What the stand-in answers: one afternoon in a hospital.
import { afterAnswers } from './mock-desk-after.mjs'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const ago = (ms) => new Date(Date.now() - ms).toISOString()
const day = (offset) => new Date(Date.now() + offset * DAY).toISOString().slice(0, 10)
const fact = (n) => `019aa5c2-7d10-7c44-9b1e-${String(n).padStart(12, '0')}`

const departments = [
  ['cashier', '挂号收费处', 'Registration and Payment'],
  ['inpatient-service', '住院服务中心', 'Inpatient Service Centre'],
  ['pharmacy', '药学部', 'Pharmacy'],
  ['cardiology', '心血管内科', 'Cardiology'],
  ['orthopaedics', '骨科', 'Orthopaedics'],
  ['outpatient-office', '门诊部', 'Outpatient Office'],
].map(([id, zh, en]) => ({ id, name: { zh, en }, level: 'clinical', parent: 'hospital' }))

const place = (id, kind, zh, en, department, more = {}) => ({ id, kind, name: { zh, en }, department, ...more })
const places = [
  place('registration-1', 'window', '挂号1号窗口', 'Registration window 1', 'cashier', { window_kind: 'registration' }),
  place('registration-3', 'window', '挂号3号窗口（老年优先）', 'Registration window 3 (seniors first)', 'cashier', {
    window_kind: 'registration',
  }),
  place('settlement-1', 'window', '收费1号窗口', 'Payment window 1', 'cashier', { window_kind: 'settlement' }),
  place('settlement-2', 'window', '收费2号窗口', 'Payment window 2', 'cashier', { window_kind: 'settlement' }),
  place('discharge-1', 'window', '出院结算窗口', 'Discharge window', 'inpatient-service', { window_kind: 'discharge' }),
  place('pharmacy-1', 'window', '门诊药房1号窗口', 'Outpatient pharmacy window 1', 'pharmacy', {
    window_kind: 'pharmacy',
  }),
  place('cardiology-ward', 'ward', '心血管内科病区', 'Cardiology ward', 'cardiology', {
    beds: ['1', '2', '3', '12', '15'],
  }),
  place('orthopaedics-ward', 'ward', '骨科病区', 'Orthopaedics ward', 'orthopaedics', { beds: ['7', '8', '9'] }),
  place('outpatient-lobby', 'lobby', '门诊大厅', 'Outpatient lobby', 'outpatient-office'),
]

const reasons = {
  less_queueing: { zh: '排队太久', en: 'Long wait in line' },
  easier_settlement: { zh: '缴费结算麻烦', en: 'Paying was a hassle' },
  faster_dispensing: { zh: '取药不方便', en: 'Hard to get medicine' },
  finer_service: { zh: '态度冷淡、不耐烦', en: 'Cold or impatient manner' },
  smoother_communication: { zh: '没有讲清楚', en: 'Not explained clearly' },
  thoughtful_nursing: { zh: '护理不够周到', en: 'Nursing was not attentive' },
}
const callback = (id, left, due, at, department, where, grade, tags, comment, has_phone, more = {}) => ({
  id,
  rating_id: fact(id),
  at: ago(at),
  due_on: day(due),
  workdays_left: left,
  department,
  place: where,
  grade,
  tags: tags.map((id) => ({ id, text: reasons[id] })),
  ...(comment ? { comment } : {}),
  has_phone,
  state: 'open',
  ...more,
})
const open = [
  callback(
    41,
    -2,
    -3,
    25 * DAY,
    'orthopaedics',
    'orthopaedics-ward',
    1,
    ['thoughtful_nursing', 'finer_service'],
    '夜里叫了三次铃才有人来，来了还说“又不是什么大事”。我妈刚做完手术，疼得一夜没睡。',
    true,
    { state: 'calling', outcome: 'no_answer', note: '11月18日16:20打过，没人接。' },
  ),
  callback(
    44,
    0,
    0,
    21 * DAY,
    'cashier',
    'settlement-1',
    2,
    ['less_queueing', 'easier_settlement'],
    '一个窗口排了四十分钟，旁边三个窗口都关着。',
    true,
    { transaction_kind: 'settlement', staff: { number: '1024', name: { zh: '王芳', en: 'Wang Fang' } } },
  ),
  callback(
    47,
    2,
    4,
    17 * DAY,
    'pharmacy',
    'pharmacy-1',
    2,
    ['faster_dispensing'],
    '取药的单子打错了一种，来回跑了两趟，药师最后道歉了，但耽误了一上午。',
    false,
    { transaction_kind: 'pharmacy', staff: { number: '3310' } },
  ),
  callback(
    52,
    14,
    20,
    3 * HOUR,
    'inpatient-service',
    'discharge-1',
    1,
    ['smoother_communication'],
    '出院带药怎么吃没有讲清楚，老人回家不敢吃。',
    true,
    { mode: 'sms_reply' },
  ),
  callback(53, 15, 21, 40 * MINUTE, 'cashier', 'registration-3', 2, ['less_queueing'], '', false),
  callback(
    54,
    15,
    21,
    6 * MINUTE,
    'cardiology',
    'cardiology-ward',
    2,
    [],
    '医生查房走得太快，想问的没来得及问。',
    true,
    { mode: 'sms_code', wish: true },
  ),
  callback(55, 15, 21, 4 * MINUTE, 'orthopaedics', 'orthopaedics-ward', 0, [], '换药的事想再问一下。', true, {
    mode: 'sms_link',
    wish: true,
  }),
]
const done = [
  callback(
    39,
    8,
    10,
    2 * DAY,
    'cashier',
    'settlement-2',
    2,
    ['easier_settlement'],
    '医保卡刷不出来，让我自己去找信息科。',
    true,
    {
      state: 'done',
      outcome: 'reached',
      note: '已向家属道歉；收费处答应以后由窗口打电话给信息科，不再让患者跑。',
      closed_at: ago(2 * HOUR),
    },
  ),
  callback(36, 5, 8, 5 * DAY, 'pharmacy', 'pharmacy-1', 1, ['finer_service'], '', false, {
    state: 'done',
    outcome: 'no_number',
    note: '已请药学部了解当天情况。',
    closed_at: ago(26 * HOUR),
  }),
]

const device = (n, kind, name, where, more = {}) => ({
  id: fact(900 + n),
  kind,
  name,
  ...(where ? { place: where } : {}),
  mirrored: false,
  enrolled_at: ago(40 * DAY),
  revoked_at: null,
  last_seen_at: ago(30_000),
  last_test_at: ago(5 * HOUR),
  online: true,
  faults: [],
  queued: 0,
  ...more,
})
const devices = [
  device(1, 'window_tablet', '收费1号窗平板', 'settlement-1'),
  device(2, 'window_tablet', '收费2号窗平板', 'settlement-2', { mirrored: true }),
  device(3, 'window_tablet', '挂号3号窗平板', 'registration-3', {
    online: false,
    last_seen_at: ago(95 * MINUTE),
    last_test_at: ago(29 * HOUR),
    faults: ['no_self_test'],
  }),
  device(4, 'window_tablet', '药房1号窗平板', 'pharmacy-1', { faults: ['key_not_seen'] }),
  device(5, 'bedside_tablet', '心内科12床', 'cardiology-ward', { bed: '12', queued: 2 }),
  device(6, 'bedside_tablet', '骨科7床', 'orthopaedics-ward', {
    bed: '7',
    online: false,
    last_seen_at: ago(3 * HOUR),
    faults: ['shared_key'],
  }),
  device(7, 'lobby_tablet', '门诊大厅东侧', 'outpatient-lobby', { online: false, last_seen_at: ago(12 * MINUTE) }),
  device(8, 'wall_board', '行风办大屏看板', '', { last_test_at: null }),
  device(9, 'window_tablet', '旧平板（屏碎）', 'discharge-1', {
    revoked_at: ago(9 * DAY),
    online: false,
    last_seen_at: ago(9 * DAY),
  }),
]

const role = (id, zh, en, permissions, own_department = false) => ({
  id,
  name: { zh, en },
  permissions,
  own_department,
})
const roles = [
  role('administrator', '系统管理员', 'Administrator', [
    'board.view',
    'devices.view',
    'devices.manage',
    'accounts.manage',
    'tokens.manage',
    'audit.view',
    'questionnaires.view',
    'followup.view',
    'followup.manage',
    'intake.work',
  ]),
  role('interface_engineer', '信息科接口工程师', 'Interface engineer', ['intake.work', 'intake.open']),
  role('conduct_officer', '行风办干事', 'Conduct officer', [
    'board.view',
    'devices.view',
    'callbacks.work',
    'set_aside.work',
    'questionnaires.view',
    'followup.view',
    'followup.manage',
    'followup.work',
  ]),
  role('department_head', '科室负责人', 'Department head', ['board.view', 'followup.view'], true),
  role('window_operator', '窗口操作员', 'Window operator', ['transactions.create'], true),
]
const account = (id, username, name, held, more = {}) => ({
  id,
  username,
  name,
  roles: held,
  must_change_password: false,
  disabled: false,
  locked_until: null,
  created_at: ago(60 * DAY),
  last_sign_in_at: ago(id * HOUR),
  ...more,
})
const accounts = [
  account(1, 'admin', '周立新', ['administrator', 'conduct_officer']),
  account(2, 'zhangmin', '张敏', ['conduct_officer']),
  account(3, 'liwei', '李伟', ['department_head'], { department: 'cardiology' }),
  account(4, 'wangfang', '王芳', ['window_operator'], {
    department: 'cashier',
    locked_until: new Date(Date.now() + 9 * MINUTE).toISOString(),
  }),
  account(5, 'chenjing', '陈静', ['window_operator'], {
    department: 'pharmacy',
    must_change_password: true,
    last_sign_in_at: null,
  }),
  account(6, 'sunhao', '孙浩', ['administrator'], { disabled: true }),
]
const tokens = [
  {
    id: 1,
    label: 'HIS 收费系统',
    windows: ['settlement-1', 'settlement-2'],
    created_at: ago(38 * DAY),
    revoked_at: null,
    last_used_at: ago(2 * MINUTE),
  },
  {
    id: 2,
    label: '门诊药房发药机',
    scope: 'windows',
    windows: ['pharmacy-1'],
    created_at: ago(12 * DAY),
    revoked_at: null,
    last_used_at: null,
  },
  {
    id: 4,
    label: 'HIS 出院接口',
    scope: 'intake',
    windows: [],
    created_at: ago(5 * DAY),
    revoked_at: null,
    last_used_at: ago(7 * MINUTE),
  },
  {
    id: 3,
    label: '联调测试',
    windows: [],
    created_at: ago(45 * DAY),
    revoked_at: ago(38 * DAY),
    last_used_at: ago(39 * DAY),
  },
]
const setAside = [
  {
    id: 7,
    fact_id: fact(7),
    device: devices[1].id,
    kind: 'rating',
    reason: 'already_rated',
    at: ago(3 * HOUR),
    note: '',
  },
  { id: 8, fact_id: fact(8), device: devices[5].id, kind: 'rating', reason: 'conflict', at: ago(50 * MINUTE) },
  {
    id: 9,
    fact_id: fact(9),
    device: devices[4].id,
    kind: 'rating_detail',
    reason: 'tag 2 is not a name',
    at: ago(20 * MINUTE),
  },
]
setAside.push({
  id: 6,
  fact_id: fact(6),
  device: devices[1].id,
  kind: 'rating',
  reason: 'already_rated',
  at: ago(2 * DAY),
  resolved_at: ago(1 * DAY),
  resolved_by: 'zhangmin',
  note: '患者连点两次，以第一次为准。',
})
const sent = JSON.stringify({
  at: ago(3 * HOUR),
  callback_phone: '13800138000',
  comment: '等了四十分钟，没有人解释为什么。',
  device: devices[1].id,
  id: fact(7),
  rating_id: fact(3),
  tags: ['less_queueing'],
  type: 'rating_detail',
})
const actions = [
  ['zhangmin', 'callback.reveal_phone', '41', ''],
  ['zhangmin', 'callback.outcome', '39', 'reached'],
  ['admin', 'device.enrol', devices[4].id, 'bedside_tablet cardiology-ward', devices[4].name],
  ['gateway', 'device.shared_key', devices[5].id, '', devices[5].name],
  ['admin', 'account.create', '5', '["window_operator"]', accounts[4].name],
  ['admin', 'account.change', '4', '{"department":"cashier","roles":["department_head"]}', accounts[3].name],
  ['admin', 'account.change', '4', '{"disabled":true}', accounts[3].name],
  ['system', 'sign_in.locked', '4', '', accounts[3].name],
  ['admin', 'token.create', '2', '["pharmacy-1"]', tokens[1].label],
  ['zhangmin', 'set_aside.open', '6', ''],
  ['zhangmin', 'set_aside.resolve', '6', ''],
  ['console', 'account.reset_password', '1', '{"password":"changed"}', accounts[0].name],
  ['admin', 'device.revoke', devices[8].id, '', devices[8].name],
  ['zhangmin', 'sign_in', '', ''],
  ['gateway', 'store.rebuild_counts', '', ''],
]
const people = { zhangmin: '张敏', admin: '系统管理员' }
const audit = Array.from({ length: 137 }, (_, i) => {
  const [actor, action, subject, detail, subject_name] = actions[i % actions.length]
  const at = ago((i + 1) * (i + 3) * 2 * MINUTE)
  return { sequence: 137 - i, at, actor, actor_name: people[actor], action, subject, subject_name, detail }
})
const questionnaires = [
  ['window', 3, '9f2c41d07ab6e815', '窗口即时评价', 'Rating at the window', true, 21],
  ['bedside', 2, '41b7c09e6d22fa38', '床旁评价', 'Rating at the bed', true, 21],
  ['lobby', 1, 'c0815e7fa9d3b264', '大厅评价', 'Rating in the lobby', true, 60],
  ['window', 2, '77ad0b3ce1f49258', '窗口即时评价', 'Rating at the window', false, 60],
].map(([id, revision, version, zh, en, in_use, days]) => ({
  id,
  revision,
  version,
  title: { zh, en },
  published_at: ago(days * DAY),
  in_use,
}))

const ALL = [...new Set(roles.flatMap((r) => r.permissions)), 'hospital.view']
const ok = (body) => ({ status: 200, body })
const fail = (status, code, more = {}) => ({ status, body: { code, message: code, ...more } })

function session(path, method, got, scenario, state) {
  const who = {
    account: { ...accounts[0], must_change_password: state.mustChange ?? false },
    permissions: scenario === 'head' ? ['board.view', 'callbacks.work', 'followup.view'] : ALL,
    sections: ['followup', 'intake'],
  }
  if (path.endsWith('/password')) {
    if (got.current === 'wrong') return fail(401, 'sign_in_failed')
    state.mustChange = false
    return { status: 204 }
  }
  if (method === 'GET') return state.signedIn ? ok(who) : fail(401, 'not_signed_in')
  if (method === 'DELETE') {
    state.signedIn = false
    return { status: 204 }
  }
  if (got.password === 'locked') return fail(429, 'locked_out', { retry_after_seconds: 840 })
  if (got.password === 'wrong') return fail(401, 'sign_in_failed')
  state.signedIn = true
  return ok(who)
}

function operator(method, got, state) {
  if (state.prompt && Date.parse(state.prompt.expires_at) < Date.now()) state.prompt = null
  if (method === 'POST') {
    const duplicate = state.prompt?.transaction === got.transaction
    if (!duplicate) {
      state.prompt = {
        id: fact(500),
        transaction: got.transaction,
        state: 'waiting',
        expires_at: new Date(Date.now() + 60_000).toISOString(),
      }
    }
    const rated = state.rated === got.transaction
    return {
      status: duplicate ? 200 : 202,
      body: {
        prompt_id: state.prompt.id,
        window: 'settlement-1',
        transaction: got.transaction,
        state: rated ? 'rated' : state.prompt.state,
        tablets: state.tablets ?? 1,
        duplicate,
        expires_at: state.prompt.expires_at,
      },
    }
  }
  const { offered, answered } = state.counts
  const prompt = state.prompt && state.rated !== state.prompt.transaction ? state.prompt : undefined
  return ok({
    window: 'settlement-1',
    tablets: state.tablets ?? 1,
    prompt,
    offered_today: offered,
    answered_today: answered,
  })
}

export function answers(method, url, got, scenario, state) {
  const path = url.pathname.replace('/api/v1', '')
  if (scenario === 'offline' || state.offline) return 'offline'
  if (path.startsWith('/session')) return session(path, method, got, scenario, state)
  if (!state.signedIn) return fail(401, 'not_signed_in')
  if (path === '/organisation') {
    return ok({
      name: { zh: '清风医院', en: 'Qingfeng Hospital' },
      zone: 'Asia/Shanghai',
      departments,
      places,
      staff_count: 1400,
    })
  }
  if (scenario === 'error') return fail(500, 'internal', { request_id: '7f3a-91c2' })
  if (path.startsWith('/operator/')) return operator(method, got, state)
  const after = afterAnswers(method, path, url, scenario, state)
  if (after) return after
  const none = scenario === 'empty'
  const list = (name, items) => ok({ [name]: none ? [] : items })
  const at = `${method} ${path.replace(/\/(\d+|019[0-9a-f-]+)(?=\/|$)/, '/:id')}`
  switch (at) {
    case 'GET /callbacks':
      return list('callbacks', url.searchParams.get('state') === 'done' ? done : open)
    case 'POST /callbacks/:id/reveal-phone':
      return ok({ phone: '13812345678' })
    case 'POST /callbacks/:id/outcome':
      return ok(open[0])
    case 'GET /devices':
      return ok({ devices: none ? [] : devices, waiting: none ? 0 : 1 })
    case 'POST /enrolments/approve':
      return got.code === 'K7PM3XQ2' ? ok(devices[0]) : fail(404, 'no_such_code')
    case 'PATCH /devices/:id':
      return ok(devices[0])
    case 'GET /accounts':
      return ok({ accounts: none ? accounts.slice(0, 1) : accounts })
    case 'POST /accounts':
      return { status: 201, body: { account: { ...accounts[4], name: got.name }, one_time_password: 'Wuq7-mKzr-29Fh' } }
    case 'POST /accounts/:id/reset-password':
      return ok({ one_time_password: 'pT4x-9sLd-Vn2e' })
    case 'PATCH /accounts/:id':
      return ok({ account: accounts[1] })
    case 'GET /roles':
      return ok({ roles })
    case 'GET /tokens':
      return list('tokens', tokens)
    case 'POST /tokens':
      return { status: 201, body: { id: 2, token: 'Jx0c7mWzZP1vQ3eT9rY5uK8aLhB2nD4fG6sXoIiEwRk' } }
    case 'GET /set-aside':
      return list(
        'set_aside',
        setAside.filter((s) => (url.searchParams.get('state') === 'resolved') === Boolean(s.resolved_at)),
      )
    case 'POST /set-aside/:id/reveal':
      return ok({ body: sent })
    case 'GET /audit': {
      const before = Number(url.searchParams.get('before') ?? 1e9)
      const limit = Number(url.searchParams.get('limit') ?? 100)
      return list('entries', audit.filter((e) => e.sequence < before).slice(0, limit))
    }
    case 'GET /questionnaires':
      return list('questionnaires', questionnaires)
  }
  return method === 'POST' ? { status: 204 } : fail(404, 'not_found')
}
