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

function callAll(): void {
  for (const callback of callbacks) callback()
}
