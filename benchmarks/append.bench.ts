import fs from 'node:fs'
import { promisify } from 'node:util'
import type { FileAppender } from 'rollkeeper'
import { bare, ours, writeGathered } from './contenders.js'
import { assertLines, lineAt } from './lines.js'
import { measure, type Contender, type Scale } from './measure.js'
import { answer, type Answer, type Question } from './record.js'

/** Records that are appended before they are waited for together. */
const GROUP = 100

/** Groups of a block: what is synced drifts with the disk, so contenders take turns often. */
const GROUPS_PER_BLOCK = 20

const datasync = promisify(fs.fdatasync)

/** `write` in a loop, beside the least that can be done. */
export async function write(scale: Scale): Promise<Answer> {
  const question: Question = {
    title: 'write, in a loop',
    about: 'Durability: handed to the operating system. Nobody waits before the end.',
    unit: 'lines/s',
    reference: 'bare: concatenate to 64 KiB, fs.writeSync',
    wanted: { row: 'write, then flushSync', ratioAtLeast: 0.7 },
  }
  const contenders = [
    ours('write, then flushSync', log => {
      for (let at = 0; at < scale.lines; at++) log.write(lineAt(at))
      log.flushSync()
    }),
    bare(question.reference, fd => writeGathered(fd, scale.lines, lineAt)),
  ]
  return answerBy(question, scale, contenders)
}

/** `append`, acknowledged in groups. */
export async function appendInGroups(scale: Scale): Promise<Answer> {
  const question: Question = {
    title: `append, ${GROUP} at a time`,
    about: `Durability: handed to the operating system. Each group is acknowledged before the next.`,
    unit: 'lines/s',
    reference: `bare: concatenate ${GROUP} lines, fs.writeSync`,
    wanted: { row: `append ${GROUP} times, await Promise.all`, valueAtLeast: 2e6 },
  }
  const contenders = [
    ours(question.wanted.row, log => inGroups(scale.lines, at => appendAll(log, at))),
    ours(`append ${GROUP} times, await the last`, log =>
      inGroups(scale.lines, at => appendLast(log, at)),
    ),
    bare(question.reference, fd => {
      for (let at = 0; at < scale.lines; at += GROUP) fs.writeSync(fd, groupText(at))
    }),
  ]
  return answerBy(question, scale, contenders)
}

/** `append`, each record acknowledged before the next. */
export async function appendOneByOne(scale: Scale): Promise<Answer> {
  const question: Question = {
    title: 'append, one by one',
    about: 'Durability: handed to the operating system. Each line is acknowledged before the next.',
    unit: 'lines/s',
    reference: 'bare: fs.writeSync of each line',
    wanted: { row: 'await append', ratioAtLeast: 0.2 },
  }
  const contenders = [
    ours('await append', async log => {
      for (let at = 0; at < scale.lines; at++) await log.append(lineAt(at))
    }),
    bare(question.reference, fd => {
      for (let at = 0; at < scale.lines; at++) fs.writeSync(fd, lineAt(at))
    }),
  ]
  return answerBy(question, scale, contenders)
}

/** `append` with durability `'sync'`: one fdatasync for a group. */
export async function appendSynced(scale: Scale): Promise<Answer> {
  const question: Question = {
    title: `append on stable storage, ${GROUP} at a time`,
    about: `Durability: on stable storage. Contenders take turns every ${GROUPS_PER_BLOCK} groups.`,
    unit: 'lines/s',
    reference: `bare: concatenate ${GROUP} lines, fs.writeSync, fs.fdatasyncSync`,
    wanted: { row: `append ${GROUP} times, await Promise.all`, ratioAtLeast: 0.8 },
  }
  const perBlock = GROUP * GROUPS_PER_BLOCK
  const contenders = [
    ours(
      question.wanted.row,
      (log, block) => inGroups(perBlock, at => appendAll(log, block * perBlock + at)),
      { durability: 'sync' },
    ),
    ours(
      `append ${GROUP} times, await the last`,
      (log, block) => inGroups(perBlock, at => appendLast(log, block * perBlock + at)),
      { durability: 'sync' },
    ),
    bare(question.reference, (fd, block) => {
      for (let at = 0; at < perBlock; at += GROUP) {
        fs.writeSync(fd, groupText(block * perBlock + at))
        fs.fdatasyncSync(fd)
      }
    }),
    bare(`bare: concatenate ${GROUP} lines, fs.writeSync, await fs.fdatasync`, (fd, block) =>
      inGroups(perBlock, async at => {
        fs.writeSync(fd, groupText(block * perBlock + at))
        await datasync(fd)
      }),
    ),
  ]
  return answerBy(question, scale, contenders, scale.lines / perBlock)
}

async function answerBy(
  question: Question,
  scale: Scale,
  contenders: readonly Contender[],
  blocks = 1,
): Promise<Answer> {
  const check = (directory: string): void => assertLines(directory, scale.lines)
  return answer(question, scale, await measure({ contenders, scale, blocks, check }))
}

async function inGroups(count: number, work: (at: number) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < count; at += GROUP) await work(at)
}

function appendAll(log: FileAppender, from: number): Promise<unknown> {
  const appended: Promise<void>[] = []
  for (let at = from; at < from + GROUP; at++) appended.push(log.append(lineAt(at)))
  return Promise.all(appended)
}

function appendLast(log: FileAppender, from: number): Promise<void> {
  for (let at = from; at < from + GROUP - 1; at++) void log.append(lineAt(at))
  return log.append(lineAt(from + GROUP - 1))
}

function groupText(from: number): string {
  let text = ''
  for (let at = from; at < from + GROUP; at++) text += lineAt(at)
  return text
}
