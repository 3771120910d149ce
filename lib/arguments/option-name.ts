import { distance } from 'fastest-levenshtein'

/**
 * Checks that all options are known ones.
 *
 * @param names those that there are.
 * @throws TypeError that names the first unknown one, all there are, and the one that may have been
 *   meant, if one is near.
 */
export function checkOptionNames(options: object, names: ReadonlySet<string>): void {
  const unknown = Object.keys(options).find(name => !names.has(name))
  if (unknown === undefined) return
  const known = [...names]
  const far = (name: string): number => distance(unknown.toLowerCase(), name.toLowerCase())
  const near = known.reduce((one, other) => (far(other) < far(one) ? other : one))
  const hint = far(near) <= Math.max(2, unknown.length / 3) ? `; did you mean ${near}?` : ''
  const expected = `expected one of ${known.join(', ')}, got ${unknown}`
  throw new TypeError(`option ${unknown}: ${expected}${hint}`)
}
