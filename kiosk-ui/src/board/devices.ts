import type { BoardDevice } from '../shared/wire'

export interface DeviceReport {
  all: number
  well: number
  /** What is broken, faults before those only offline, then by name. */
  broken: BoardDevice[]
}

/** Sorts devices into those that are well, which are counted, and the broken, which are named. */
export function report(devices: readonly BoardDevice[]): DeviceReport {
  const broken = devices
    .filter((d) => !d.online || d.faults.length > 0)
    .sort((a, b) => b.faults.length - a.faults.length || a.name.localeCompare(b.name, 'zh-Hans-CN'))
  return { all: devices.length, well: devices.length - broken.length, broken }
}
