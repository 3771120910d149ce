/**
 * Loads a module that may not be installed, at once: `import()` could only promise it. This file is
 * CommonJS in both builds, because only there `require` is at hand, and Jest and the like know it.
 *
 * @param name as one would import it.
 * @returns what it exports; undefined where it is not there, or cannot be loaded.
 */
export function requireIfThere(name: string): unknown {
  try {
    return require(name)
  } catch {
    return undefined // also one for another platform: who asks has another way
  }
}
