import { expect, it } from 'vitest'
import type { BoardDevice } from '../shared/wire'
import { report } from './devices'

const device = (name: string, more: Partial<BoardDevice> = {}): BoardDevice => ({
  id: name,
  name,
  kind: 'window_tablet',
  online: true,
  since: '2026-11-21T02:00:00.000Z',
  faults: [],
  ...more,
})

it('counts what is well and names what is broken, faults first', () => {
  const { all, well, broken } = report([
    device('a'),
    device('b', { online: false }),
    device('c', { faults: ['no_self_test'] }),
    device('d'),
  ])
  expect([all, well, broken.map((d) => d.name)]).toEqual([4, 2, ['c', 'b']])
})
