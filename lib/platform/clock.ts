import { uptime } from 'node:os'

/** Undoes a timer. Harmless after it fired. */
export type Cancel = () => void

/** All that rollkeeper knows of time: a seam, so that a spec can hold it in its hand. */
export interface Clock {
  /** Wall clock, in milliseconds since 1970, UTC. May jump, stand still, or go backwards. */
  now(): number
  /**
   * Running time, in whole milliseconds from an arbitrary start. Setting the wall clock does not
   * touch it, and it goes on while the machine is suspended. May be behind by its resolution: a
   * hundredth of a second on Linux, a second at worst.
   */
  running(): number
  /**
   * Calls back once after `waitMs` milliseconds of running time, whatever the wall clock does.
   *
   * @param keeps whether the process goes on for it. Default: it does not.
   */
  after(waitMs: number, callback: () => void, keeps?: 'keeps alive'): Cancel
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  // On Linux /proc/uptime, which is CLOCK_BOOTTIME (proc_uptime(5), clock_gettime(2)). Not
  // `performance.now`: CLOCK_MONOTONIC stands still while the machine is suspended.
  running: () => Math.round(uptime() * 1000),
  after(waitMs, callback, keeps) {
    const timer = setTimeout(callback, waitMs)
    if (!keeps) timer.unref()
    return () => clearTimeout(timer)
  },
}

/**
 * Longest single wait for a point in wall time, in milliseconds. Short, because the clock may be
 * set while we wait; and `setTimeout` takes no more than 2^31-1 ms: one of 30 days fires at once
 * (https://nodejs.org/api/timers.html#settimeoutcallback-delay-args).
 */
const LONGEST_WAIT_MS = 60_000

/**
 * Calls back once when the wall clock shows `timeMs` or later. A clock that is set forward is
 * noticed within a minute.
 */
export function atTime(clock: Clock, timeMs: number, callback: () => void): Cancel {
  let cancel: Cancel
  const wait = (): void => {
    const leftMs = timeMs - clock.now()
    cancel =
      leftMs > 0
        ? clock.after(Math.min(Math.ceil(leftMs), LONGEST_WAIT_MS), wait)
        : clock.after(0, callback)
  }
  wait()
  return () => cancel()
}
