import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { basename } from 'node:path'
import type { Disk } from './disk.js'
import type { Platform } from './platform.js'
import { systemCode } from './rollkeeper-error.js'

/** How a lock is held: by the kernel, or by no more than the text of its file. */
export type LockMeans = 'flock' | 'text'

/** Who holds a lock, or held it, in the words of the lock's file. */
export interface LockHolder {
  readonly pid: number
  readonly host: string
  /** When the lock was taken: ISO 8601, UTC. */
  readonly since: string
  /** What the process runs. */
  readonly program: string
  /** When the process began, in the kernel's own measure; undefined where that is not told. */
  readonly start: string | undefined
  readonly by: LockMeans
  /** Tells two locks of one process apart. */
  readonly id: string
}

const PROGRAM_MAX_LENGTH = 100

/** One line of the file. It may stand behind a piece of one that a full disk has cut. */
const HOLDER =
  /pid=(\d{1,10}) host=("(?:[^"\\]|\\.)*") since=([\d-]{10}T[\d:.]{8,12}Z) program=("(?:[^"\\]|\\.)*") (?:start=(\d+) )?by=(flock|text) id=([\da-f-]{36})\n/g
const GONE = /gone=([\da-f-]{36})\n/g

/** This process, as the holder of one lock more. */
export function thisHolder({ disk, clock }: Platform, by: LockMeans): LockHolder {
  return {
    pid: process.pid,
    host: thisHost(disk),
    since: new Date(clock.now()).toISOString(),
    program: basename(process.argv[1] ?? process.title).slice(0, PROGRAM_MAX_LENGTH),
    start: lookAtProcess(disk, process.pid)?.start,
    by,
    id: randomUUID(),
  }
}

/** The first process namespace of every Linux (PROC_PID_INIT_INO of its sources). */
const FIRST_NAMESPACE = 0xeffffffc

/**
 * Where process numbers are what they are here: this machine; or a container in it, which may have the
 * machine's name, but has numbers of its own (pid_namespaces(7)).
 */
function thisHost(disk: Disk): string {
  try {
    const { ino } = disk.stat('/proc/self/ns/pid')
    if (Number(ino) !== FIRST_NAMESPACE) return `${hostname()} (process namespace ${ino})`
  } catch {
    // no Linux, or no /proc
  }
  return hostname()
}

/** The line of a holder. */
export function formatHolder(holder: LockHolder): string {
  const { pid, host, since, program, start, by, id } = holder
  const begun = start === undefined ? '' : `start=${start} `
  const names = `host=${JSON.stringify(host)} since=${since} program=${JSON.stringify(program)}`
  return `pid=${pid} ${names} ${begun}by=${by} id=${id}\n`
}

/** The line by which a holder says that it holds no more. */
export function formatGone({ id }: LockHolder): string {
  return `gone=${id}\n`
}

/** Those who hold, by the text of the file, in the order of their lines; the dead are not told. */
export function parseHolders(text: string): LockHolder[] {
  const gone = new Set([...text.matchAll(GONE)].map(([, id]) => id))
  return [...text.matchAll(HOLDER)].flatMap(match => {
    const [, pid, host = '', since = '', program = '', start, by, id = ''] = match
    if (gone.has(id)) return []
    const means: LockMeans = by === 'flock' ? 'flock' : 'text'
    const names = { host: parseName(host), program: parseName(program) }
    return [{ pid: Number(pid), ...names, since, start, by: means, id }]
  })
}

/** Others may have written it: nothing of it may act on a terminal. */
function parseName(text: string): string {
  try {
    return String(JSON.parse(text)).replace(/\p{C}/gu, '?')
  } catch {
    return '?'
  }
}

/** Whether a holder is this very process, by another lock of it. */
export function isThisProcess({ disk, clock }: Platform, holder: LockHolder): boolean {
  if (holder.pid !== process.pid || holder.host !== thisHost(disk)) return false
  if (holder.start !== undefined) return holder.start === lookAtProcess(disk, process.pid)?.start
  // Elsewhere a process before us may have had our number.
  return Date.parse(holder.since) > clock.now() - process.uptime() * 1000
}

/**
 * Whether the process of a holder still runs, as far as that can be known: on another host it
 * cannot, and then it counts as running.
 */
export function isAlive(platform: Platform, holder: LockHolder): boolean {
  if (holder.host !== thisHost(platform.disk)) return true
  if (holder.pid === process.pid) return isThisProcess(platform, holder)
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if (systemCode(error) !== 'EPERM') return false
  }
  const now = lookAtProcess(platform.disk, holder.pid)
  if (now?.state === 'Z' || now?.state === 'X') return false // ended, and its parent has not asked
  return holder.start === undefined || !now || holder.start === now.start
}

/**
 * Why a lock cannot be had, in words that follow "cannot open …:".
 *
 * @param holder who has it, if that is known.
 * @param path of the lock's file.
 */
export function whyTaken(platform: Platform, holder: LockHolder | undefined, path: string): string {
  const advice = 'end that one first, or give this one a path of its own'
  if (!holder) return `it is in use by another process; ${advice}`
  const { pid, program, host, since, start, by } = holder
  if (isThisProcess(platform, holder)) {
    return `another appender of this process has had it open since ${since}; close that one, or use it`
  }
  const isSure = by === 'flock' || (start !== undefined && host === thisHost(platform.disk))
  const hint = isSure ? '' : `. If that process is gone, delete ${path}`
  return `it is in use by process ${pid} (${program}) on ${host} since ${since}; ${advice}${hint}`
}

/** The state of a process and when it began (proc_pid_stat(5)); undefined where nobody tells. */
function lookAtProcess(disk: Disk, pid: number): { state: string; start: string } | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    const fd = disk.openToRead(`/proc/${pid}/stat`)
    try {
      const bytes = new Uint8Array(4096)
      const text = Buffer.from(bytes.buffer, 0, disk.read(fd, bytes, 0)).toString('latin1')
      const [state = '', ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ') // 3rd, 4th …
      const start = rest[18] // 22nd
      return start === undefined ? undefined : { state, start }
    } finally {
      disk.close(fd)
    }
  } catch {
    return undefined // no such process, or no /proc: who asks goes without
  }
}
