import { outOfRange, wrongType } from '../arguments/argument-error.js'
import { parseByteSize, type ByteSize } from '../arguments/byte-size.js'

/** The file that is being written, as a rotation policy sees it. */
export interface ActiveFile {
  /** Absolute. */
  readonly path: string
  /** When it was made; a file that was found at open has its birth time. */
  readonly openedAt: Date
  /** Size, in bytes. */
  readonly bytes: number
}

/** How long a file may go on. What is left out sets no limit. */
export interface RotationLimits {
  /** The file is rotated before a record would take it past this many bytes. */
  readonly bytes?: number
  /** The file is closed when the clock shows this, also when nothing is being written. */
  readonly until?: Date
}

/**
 * Decides when files are rotated: a pure function, asked once when a file becomes active, and again
 * when `until` passes while the file is still empty. So writing a record compares two numbers,
 * however clever the policy.
 *
 *     file => ({ bytes: 1e9, until: endOfHour(file.openedAt) })
 */
export type RotationPolicy = (file: ActiveFile) => RotationLimits

/**
 * Rotates by size.
 *
 * @param bytes a number, or `'100MiB'` (KiB MiB GiB TiB are 1024s, kB MB GB TB are 1000s).
 * @throws TypeError or RangeError for anything else.
 */
export function maxSize(bytes: ByteSize): RotationPolicy {
  const limits = { bytes: parseByteSize('maxSize(bytes)', bytes) }
  return () => limits
}

/**
 * Combines policies: the file is rotated at whichever limit comes first.
 *
 * @param policies one or more.
 * @throws TypeError for anything that is no function.
 */
export function firstOf(...policies: RotationPolicy[]): RotationPolicy {
  if (policies.length === 0)
    throw wrongType('firstOf(...policies)', 'at least one policy', policies)
  for (const policy of policies) {
    if (typeof policy !== 'function') {
      throw wrongType('firstOf(...policies)', 'rotation policies (functions)', policy)
    }
  }
  return file => policies.map(policy => checkLimits(policy(file))).reduce(earlier)
}

/**
 * Checks what a policy answered.
 *
 * @throws TypeError or RangeError that says what a policy may answer.
 */
export function checkLimits(limits: RotationLimits): RotationLimits {
  if (typeof limits !== 'object' || limits === null) {
    throw wrongType('rotation policy', 'an answer { bytes?, until? }', limits)
  }
  const { bytes, until, ...others } = limits
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) {
    throw wrongType('rotation policy', 'an answer { bytes?, until? }', { [unknown]: '…' })
  }
  if (bytes !== undefined && !(Number.isSafeInteger(bytes) && bytes >= 1)) {
    throw outOfRange('rotation policy', '`bytes` to be a whole number, at least 1', bytes)
  }
  if (until !== undefined && !(until instanceof Date && !Number.isNaN(until.getTime()))) {
    throw wrongType('rotation policy', '`until` to be a valid Date', until)
  }
  return limits
}

function earlier(one: RotationLimits, other: RotationLimits): RotationLimits {
  const bytes = Math.min(one.bytes ?? Infinity, other.bytes ?? Infinity)
  const until = Math.min(one.until?.getTime() ?? Infinity, other.until?.getTime() ?? Infinity)
  return {
    ...(bytes < Infinity && { bytes }),
    ...(until < Infinity && { until: new Date(until) }),
  }
}
