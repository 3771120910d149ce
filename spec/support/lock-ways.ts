import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { byCommand, byKoffi, Flock, type FlockWay } from '../../lib/platform/flock.js'

/** The ways to lock: the call, the command, and, without either, the text of the lock's file. */
export const LOCK_WAYS = ['koffi', 'command', 'text'] as const

/** One of them. */
export type LockWay = (typeof LOCK_WAYS)[number]

/** The machine's disk, which locks in this one way. */
export function lockingBy(way: LockWay): Disk {
  const calls: Record<LockWay, FlockWay[]> = {
    koffi: [byKoffi()],
    command: [byCommand()],
    text: [],
  }
  const flock = new Flock(calls[way], 'linux')
  return { ...systemDisk, lock: fd => flock.lock(fd) }
}

/** Why a way cannot be tried on this machine; undefined where it can. CI has both koffi and flock. */
export function missingWay(way: LockWay): string | undefined {
  if (way === 'text') return undefined
  const fd = systemDisk.openToRead('.')
  try {
    const answer = lockingBy(way).lock(fd)
    return answer === 'unable' ? `${way} is not installed here` : undefined
  } finally {
    systemDisk.close(fd)
  }
}
