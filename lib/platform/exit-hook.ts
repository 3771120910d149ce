import type { Cancel } from './clock.js'

const callbacks = new Set<() => void>()

/**
 * Calls back when the process exits: by its end, by `process.exit`, or by an uncaught error. Not
 * when a signal ends it that nobody handles (https://nodejs.org/api/process.html#event-exit). One
 * listener serves all.
 */
export function onProcessExit(callback: () => void): Cancel {
  if (callbacks.size === 0) process.on('exit', callAll)
  callbacks.add(callback)
  return () => {
    callbacks.delete(callback)
    if (callbacks.size === 0) process.off('exit', callAll)
  }
}

/** One that throws does not keep the others from being called. */
function callAll(): void {
  const errors: unknown[] = []
  for (const callback of callbacks) {
    try {
      callback()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}
