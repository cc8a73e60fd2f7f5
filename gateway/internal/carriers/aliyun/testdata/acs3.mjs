// Makes acs3.json: signatures by Alibaba Cloud's own SDK, so that ours can be
// held to them without Node. It was run once, in an empty folder, as
//
//   npm install --ignore-scripts @alicloud/dysmsapi20170525@4.6.0 @alicloud/openapi-core@1.0.8
//   cp .../testdata/acs3.mjs . && node acs3.mjs > acs3.json
//
// "vectors" are calls of the SDK's signature function with fixed values (it does
// not encode names, so names here are plain).
// "requests" are whole requests that the SDK's client sent to a stand-in on
// loopback, as they arrived. Keys, numbers and texts are invented.
import http from 'node:http'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const Utils = require('@alicloud/openapi-core/dist/utils').default
const { $OpenApiUtil } = require('@alicloud/openapi-core')
const Dysms = require('@alicloud/dysmsapi20170525')

const KEY = { id: 'LTAI5tExampleExample', secret: 'exampleSecretExampleSecret0000' }
const EMPTY = Utils.hash(Buffer.from(''), 'ACS3-HMAC-SHA256').toString('hex')

function vector(name, query, headers = {}, body = '') {
  const payload = Utils.hash(Buffer.from(body), 'ACS3-HMAC-SHA256').toString('hex')
  const request = {
    method: 'POST',
    pathname: '/',
    query,
    headers: {
      host: 'dysmsapi.aliyuncs.com',
      'x-acs-action': 'SendSms',
      'x-acs-version': '2017-05-25',
      'x-acs-date': '2026-03-05T02:00:00Z',
      'x-acs-signature-nonce': '0123456789abcdef0123456789abcdef',
      'x-acs-content-sha256': payload,
      accept: 'application/json',
      ...headers,
    },
  }
  const want = Utils.getAuthorization(request, 'ACS3-HMAC-SHA256', payload, KEY.id, KEY.secret)
  return { name, method: request.method, path: request.pathname, query, headers: request.headers, body_sha256: payload, want }
}

const vectors = [
  vector('no parameters', {}),
  vector('a text', {
    PhoneNumbers: '13800138000',
    SignName: '清风医院',
    TemplateCode: 'SMS_123456789',
    TemplateParam: '{"ward":"心内科","token":"ABCD2345"}',
    OutId: '0199c0de-0000-7000-8000-000000000001',
  }),
  vector('characters that encodings differ in', { A: " !'()*~+-_./:;=?@&$,#%[]\\\"<>^`{|}", bc: 'ü漢😀', Z: '\n\t' }),
  vector('order of names', { b: '1', B: '2', a1: '3', a: '4', A: '5', aa: '6' }),
  vector('an empty value', { OutId: '', SignName: '清风' }),
  vector('headers with spaces and a type', { A: '1' }, { 'Content-Type': ' application/x-www-form-urlencoded ', 'X-Acs-Extra': '  x  ' }, 'a=1'),
]

/** Has the SDK's client send one request and gives it as it arrived. */
async function sent(send) {
  const got = {}
  const server = http.createServer((request, response) => {
    Object.assign(got, { method: request.method, url: request.url, headers: request.headers })
    response.setHeader('Content-Type', 'application/json')
    response.end('{"Code":"OK","Message":"OK","BizId":"1","RequestId":"R","TotalCount":"0"}')
  })
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready))
  const client = new Dysms.default(
    new $OpenApiUtil.Config({
      accessKeyId: KEY.id,
      accessKeySecret: KEY.secret,
      endpoint: `127.0.0.1:${server.address().port}`,
      protocol: 'HTTP',
    }),
  )
  await send(client)
  server.close()
  for (const name of ['user-agent', 'connection']) delete got.headers[name]
  return got
}

const requests = [
  await sent((client) =>
    client.sendSms(
      new Dysms.SendSmsRequest({
        phoneNumbers: '13800138000',
        signName: '清风医院',
        templateCode: 'SMS_123456789',
        templateParam: '{"ward":"心内科 (3*)","token":"ABCD2345~"}',
        outId: '0199c0de-0000-7000-8000-000000000001',
      }),
    ),
  ),
  await sent((client) =>
    client.querySendDetails(new Dysms.QuerySendDetailsRequest({ phoneNumber: '13800138000', sendDate: '20260305', pageSize: 50, currentPage: 1 })),
  ),
]

console.log(JSON.stringify({ made_with: '@alicloud/dysmsapi20170525@4.6.0, @alicloud/openapi-core@1.0.8', key: KEY, empty_sha256: EMPTY, vectors, requests }, null, 1))
