// The texts the product ships with, read from its configuration, so that the
// screens are tried with the words they will carry.
import { readFileSync } from 'node:fs'

const read = (name) => readFileSync(new URL(`../../configs/${name}`, import.meta.url), 'utf8')
const TEXT = /text: \{zh: (.*?), en: "?(.*?)"?\}/

function textOf(line) {
  const [, zh, en] = line.match(TEXT)
  return { zh, en }
}

function itemOf(block) {
  const one = (pattern) => block.match(pattern)?.[1]
  const options = [...block.matchAll(/- \{id: "?(\w+)"?, (text: .*?\})\}$/gm)]
  const least = one(/at_least: (\d)/)
  const most = one(/at_most: (\d)/)
  const longest = one(/max_length: (\d+)/)
  return {
    id: one(/^(\w+)/),
    kind: one(/^ {4}kind: (\w+)/m),
    text: textOf(block),
    ...(options.length && { options: options.map(([, id, text]) => ({ id, text: textOf(text) })) }),
    ...(longest && { max_length: Number(longest) }),
    ...((least || most) && {
      when: { item: 'grade', ...(least && { at_least: Number(least) }), ...(most && { at_most: Number(most) }) },
    }),
  }
}

/** `window`, `bedside` or `lobby`, as the gateway sends it. */
export function shippedQuestionnaire(name) {
  const [head, ...blocks] = read(`questionnaires/${name}.yaml`).split(/^ {2}- id: /m)
  const [, zh, en] = head.match(/^title: \{zh: (.*?), en: (.*?)\}/m)
  return { version: '9f2c4e1ab07d3358', title: { zh, en }, items: blocks.map(itemOf) }
}

/** The nine rules in both languages. */
export function shippedRules() {
  const pairs = read('nine-rules.yaml').matchAll(/- zh: (.*)\n\s+en: (.*)/g)
  return [...pairs].map(([, zh, en]) => ({ zh, en }))
}

/** The sample hospital's reporting phones. */
export function shippedPhones() {
  const phones = read('hospital.yaml').matchAll(/- label: \{zh: (.*?), en: (.*?)\}\n\s+number: (\S+)/g)
  return [...phones].map(([, zh, en, number]) => ({ label: { zh, en }, number }))
}
