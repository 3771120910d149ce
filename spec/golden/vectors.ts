import { readFileSync } from 'node:fs'

/** Reads a file of golden vectors, one JSON object a line; `spec/golden/README.md` tells its origin. */
export function readVectors<Vector>(name: string): Vector[] {
  const text = readFileSync(new URL(name, import.meta.url), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each spec names its columns
    .map(line => JSON.parse(line) as Vector)
}

/** Reads a file of ranges, one a line: first and last, hexadecimal. */
export function readRanges(name: string): [first: number, last: number][] {
  const text = readFileSync(new URL(name, import.meta.url), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map(line => {
      const [first = '', last = ''] = line.split(' ')
      return [Number.parseInt(first, 16), Number.parseInt(last, 16)]
    })
}
