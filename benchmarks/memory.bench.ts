import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assertLines, lines } from './lines.js'
import { inEmptyDirectory, rotated, type Scale } from './measure.js'
import { answer, type Answer, type Question } from './record.js'

const child = fileURLToPath(new URL('memory-child.mjs', import.meta.url))

/** The contenders of `memory-child.mjs`, and what they do. */
const OURS = 'write, in one loop'
const BARE = 'bare: concatenate to 64 KiB, fs.writeSync'
const CONTENDERS = [
  { kind: 'rollkeeper', name: OURS },
  { kind: 'bare', name: BARE },
  { kind: 'stream', name: 'fs.createWriteStream, write in one loop' },
  { kind: 'nothing', name: 'a process that writes nothing' },
] as const

/** Peak memory of a process that writes in one loop and never looks at what `write` returns. */
export async function memory(scale: Scale): Promise<Answer> {
  const question: Question = {
    title: 'memory, writing in one loop without waiting',
    about:
      'The most resident memory (RSS) that a process of its own ever had, Node itself and the ' +
      'ready-made lines included. Less is better.',
    unit: 'MB',
    reference: BARE,
    wanted: { row: OURS, valueAtMost: 150 },
  }
  const sizes = new Map(CONTENDERS.map(({ name }) => [name, [] as number[]]))
  for (let round = 0; round < scale.rounds; round++) {
    for (const { kind, name } of rotated(CONTENDERS, round)) {
      sizes.get(name)?.push(await peakMegabytes(kind, scale.lines))
    }
  }
  return answer(question, scale, sizes)
}

function peakMegabytes(kind: string, count: number): Promise<number> {
  return inEmptyDirectory(async parent => {
    const directory = join(parent, 'log')
    const linesFile = join(parent, 'lines')
    fs.mkdirSync(directory)
    fs.writeFileSync(linesFile, lines.join(''))
    const printed = execFileSync(process.execPath, [
      child,
      kind,
      join(directory, 'audit.log'),
      linesFile,
      String(count),
    ])
    assertLines(directory, kind === 'nothing' ? 0 : count)
    return (Number(printed) * 1024) / 1e6
  })
}
