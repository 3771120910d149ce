import { expect } from 'chai'
import fs from 'fs-extra'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { makeDirectory, numberedLines, readIfThere, readLog } from './log-directory.js'
import { backupNames } from '../support/log-directory.js'
import { feed, ROLLKEEPER, runProgram, startProgram, waitFor } from '../support/run-program.js'
import type { Running } from '../support/run-program.js'

const { O_RDONLY, O_RDWR } = fs.constants

describe('rollkeeper write', () => {
  let directory: string
  let path: string
  let write: string[]

  beforeEach(() => {
    directory = makeDirectory()
    path = join(directory, 'audit.log')
    write = [...ROLLKEEPER, 'write', `--path=${path}`]
  })
  afterEach(() => fs.remove(directory))

  /** Starts it, and waits until it keeps what it gets: then it hears signals, too. */
  async function start(...args: string[]): Promise<Running> {
    const running = startProgram([...write, ...args])
    await feed(running, 'first\n')
    await waitFor('the first line', () => readIfThere(path) === 'first\n')
    return running
  }

  describe('input', () => {
    it('keeps 100,000 lines of a pipe across rotations, whole and in order', async () => {
      const command = [...write, '--max-size=100KiB'].map(word => `'${word}'`).join(' ')
      const ended = await runProgram(['sh', '-c', `seq 1 100000 | ${command}`])
      expect(ended).to.include({ code: 0, stderr: '' })
      const expected = Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join('')
      expect((await readLog(path)) === expected, 'the same lines').to.equal(true)
      const files = fs.readdirSync(directory)
      expect(files).to.have.lengthOf(6)
      for (const file of files) {
        expect(fs.statSync(join(directory, file)).size).to.be.at.most(100 * 1024)
      }
    })

    it('takes the options of kube-apiserver', async () => {
      const options = ['--audit-log-maxsize=1', '--audit-log-maxbackup=2', '--audit-log-maxage=1']
      const kube = [...ROLLKEEPER, 'write', `--audit-log-path=${path}`, ...options]
      const text = numberedLines(1, 400_000)
      expect(await runProgram(kube, text)).to.include({ code: 0, stderr: '' })
      expect(fs.readdirSync(directory)).to.have.lengthOf(3)
      expect(text.endsWith(await readLog(path))).to.equal(true)
    })

    it('makes archives within a size, on the disk for sure', async () => {
      const options = ['--compress=gzip:9', '--max-total-size=2500', '--durability=sync']
      const command = [...write, '--max-size=10kB', '--every=1d', ...options]
      const text = numberedLines(1, 5000)
      expect(await runProgram(command, text)).to.include({ code: 0, stderr: '' })
      const archives = fs.readdirSync(directory).filter(name => name !== 'audit.log')
      expect(archives).to.have.lengthOf.at.least(1)
      const parts = archives.sort().map(name => {
        expect(name).to.match(/\.log\.gz$/)
        return gunzipSync(fs.readFileSync(join(directory, name))).toString()
      })
      const kept = parts.join('') + fs.readFileSync(path, 'utf8')
      expect(text.endsWith(kept), 'the newest lines').to.equal(true)
      const sizes = archives.map(name => fs.statSync(join(directory, name)).size)
      const total = sizes.reduce((sum, size) => sum + size, 0)
      expect(archives.length === 1 || total <= 2500, `${total} bytes`).to.equal(true)
    })

    it('makes archives by the name of kube-apiserver, too', async () => {
      const command = [...write, '--audit-log-compress', '--max-size=10kB']
      expect(await runProgram(command, numberedLines(1, 3000))).to.include({ code: 0, stderr: '' })
      const names = fs.readdirSync(directory).filter(name => name !== 'audit.log')
      expect(names).to.have.lengthOf(2)
      expect(names.every(name => name.endsWith('.log.gz'))).to.equal(true)
    })

    it('rotates when the clock shows it, also while nothing comes', async () => {
      const running = await start('--every=2s')
      await waitFor('a backup', () => backupNames(path).length > 0)
      await feed(running, 'second\n')
      running.child.stdin?.end()
      expect(await running.ended).to.include({ code: 0, stderr: '' })
      expect(await readLog(path)).to.equal('first\nsecond\n')
    })

    it('keeps a character whose bytes come in two chunks', async () => {
      const running = await start()
      const bytes = Buffer.from('Grüße 🙂\n')
      for (const byte of bytes) {
        await feed(running, Buffer.of(byte))
        await new Promise(setImmediate)
      }
      running.child.stdin?.end()
      expect(await running.ended).to.include({ code: 0, stderr: '' })
      expect(fs.readFileSync(path, 'utf8')).to.equal('first\nGrüße 🙂\n')
    })

    it('keeps bytes that are no text as they are', async () => {
      const bytes = Buffer.from([0xff, 0x00, 0xc3, 0x0d, 0x0a, 0x0a, 0xfe, 0x0a])
      expect(await runProgram(write, bytes)).to.include({ code: 0 })
      expect(fs.readFileSync(path).equals(bytes)).to.equal(true)
    })

    it('gives a last line its end', async () => {
      expect(await runProgram(write, 'one\ntwo')).to.include({ code: 0, stderr: '' })
      expect(fs.readFileSync(path, 'utf8')).to.equal('one\ntwo\n')
    })

    it('makes an empty log of no input', async () => {
      expect(await runProgram(write)).to.include({ code: 0, stderr: '' })
      expect(fs.readFileSync(path, 'utf8')).to.equal('')
    })

    it('goes on at the end of a log that is there', async () => {
      fs.writeFileSync(path, 'before\n')
      expect(await runProgram(write, 'after\n')).to.include({ code: 0 })
      expect(fs.readFileSync(path, 'utf8')).to.equal('before\nafter\n')
    })

    it('exits 1 when the path is a directory', async () => {
      fs.mkdirSync(path)
      const { code, stderr } = await runProgram(write, 'lost\n')
      expect(code).to.equal(1)
      expect(stderr).to.match(/^rollkeeper: .*not a regular file.*\n$/)
    })

    it('exits 1 when the input cannot be read', async () => {
      const fd = fs.openSync(join(directory, 'only to write'), 'w')
      const { code, stderr } = await startProgram(write, fd).ended
      fs.closeSync(fd)
      expect(code).to.equal(1)
      expect(stderr).to.match(/^rollkeeper: .*EBADF.*\n$/)
    })
  })

  describe('signals', () => {
    it('opens the path anew on SIGHUP after logrotate renamed the file', async () => {
      const running = await start()
      fs.renameSync(path, `${path}.1`)
      running.child.kill('SIGHUP')
      await waitFor('a new file', () => fs.existsSync(path))
      await feed(running, 'second\n')
      running.child.stdin?.end()
      expect(await running.ended).to.include({ code: 0, stderr: '' })
      expect(fs.readFileSync(`${path}.1`, 'utf8')).to.equal('first\n')
      expect(fs.readFileSync(path, 'utf8')).to.equal('second\n')
    })

    it('loses nothing under many renames with SIGHUP while lines come', async () => {
      const running = await start()
      for (let turn = 1; turn <= 10; turn++) {
        fs.renameSync(path, `${path}.${turn}`)
        const fed = feed(running, numberedLines(turn * 1000, turn * 1000 + 999))
        running.child.kill('SIGHUP')
        await Promise.all([fed, waitFor('a new file', () => fs.existsSync(path))])
      }
      running.child.stdin?.end()
      expect(await running.ended).to.include({ code: 0, stderr: '' })
      const files = Array.from({ length: 10 }, (_, index) => `${path}.${index + 1}`)
      const text = [...files, path].map(file => fs.readFileSync(file, 'utf8')).join('')
      expect(text).to.equal(`first\n${numberedLines(1000, 10_999)}`)
    })

    it('rotates on SIGUSR1, and no debugger starts', async () => {
      const running = await start()
      running.child.kill('SIGUSR1')
      await waitFor('a backup', () => backupNames(path).length > 0)
      await feed(running, 'second\n')
      running.child.stdin?.end()
      const { code, stderr } = await running.ended
      expect(stderr).to.equal('')
      expect(code).to.equal(0)
      expect(fs.readFileSync(path, 'utf8')).to.equal('second\n')
      expect(await readLog(path)).to.equal('first\nsecond\n')
    })

    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      it(`keeps on ${signal} all that was written before it, and exits 0`, async () => {
        const running = await start()
        running.child.kill('SIGSTOP')
        const text = numberedLines(1, 5000)
        await feed(running, `${text}no end`)
        running.child.kill(signal)
        running.child.kill('SIGCONT')
        expect(await running.ended).to.include({ code: 0, signal: null, stderr: '' })
        expect(fs.readFileSync(path, 'utf8')).to.equal(`first\n${text}no end\n`)
      })
    }

    it('keeps what a pipe holds when SIGTERM comes, and does not wait for its end', async () => {
      const pipe = join(directory, 'pipe')
      execFileSync('mkfifo', [pipe])
      const writeFd = fs.openSync(pipe, O_RDWR)
      const readFd = fs.openSync(pipe, O_RDONLY)
      fs.writeSync(writeFd, 'first\n')
      const running = startProgram(write, readFd)
      await waitFor('the first line', () => readIfThere(path) === 'first\n')
      running.child.kill('SIGSTOP')
      const text = numberedLines(1, 5000)
      fs.writeSync(writeFd, text)
      running.child.kill('SIGTERM')
      running.child.kill('SIGCONT')
      expect(await running.ended).to.include({ code: 0, stderr: '' })
      expect(fs.readFileSync(path, 'utf8')).to.equal(`first\n${text}`)
      fs.closeSync(writeFd)
      fs.closeSync(readFd)
    })

    it('reports a signal that it cannot follow, and goes on', async () => {
      const running = await start()
      fs.renameSync(path, `${path}.1`)
      fs.mkdirSync(path)
      running.child.kill('SIGHUP')
      await waitFor('a report', () => running.said().stderr !== '')
      fs.rmdirSync(path)
      await feed(running, 'second\n')
      running.child.stdin?.end()
      const { code, stderr } = await running.ended
      expect(code).to.equal(0)
      expect(stderr).to.match(/^(rollkeeper: [^\n]+\n)+$/)
      expect(readIfThere(`${path}.1`) + readIfThere(path)).to.equal('first\nsecond\n')
    })

    it('keeps records though nobody reads what it reports', async () => {
      const running = await start()
      running.child.stderr?.destroy()
      fs.renameSync(path, `${path}.1`)
      fs.mkdirSync(path)
      running.child.kill('SIGHUP')
      await feed(running, 'second\n')
      await waitFor('the line', () => readIfThere(`${path}.1`) === 'first\nsecond\n')
      running.child.stdin?.end('third\n')
      expect(await running.ended).to.include({ code: 0, signal: null })
      expect(readIfThere(`${path}.1`)).to.equal('first\nsecond\nthird\n')
    })
  })

  describe('--path -', () => {
    const toStandardOutput = [...ROLLKEEPER, 'write', '--path=-']

    it('writes the lines through, and gives a last one its end', async () => {
      const text = `${numberedLines(1, 100_000)}no end`
      const { code, stdout, stderr } = await runProgram(toStandardOutput, text)
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
      expect(stdout === `${text}\n`, 'the same lines').to.equal(true)
    })

    it('outlives SIGHUP and SIGUSR1, and keeps on SIGTERM what was written before', async () => {
      const running = startProgram(toStandardOutput)
      await feed(running, 'first\n')
      await waitFor('the first line', () => running.said().stdout === 'first\n')
      running.child.kill('SIGHUP')
      running.child.kill('SIGUSR1')
      running.child.kill('SIGSTOP')
      await feed(running, 'second')
      running.child.kill('SIGTERM')
      running.child.kill('SIGCONT')
      const ended = await running.ended
      expect(ended).to.include({ code: 0, stderr: '', stdout: 'first\nsecond\n' })
    })

    it('exits 1 with one line when nobody reads it any more', async () => {
      const running = startProgram(toStandardOutput)
      await feed(running, 'first\n')
      await waitFor('the first line', () => running.said().stdout === 'first\n')
      running.child.stdout?.destroy()
      running.child.stdin?.write(numberedLines(1, 1000))
      const { code, stderr } = await running.ended
      expect(code).to.equal(1)
      expect(stderr).to.match(/^rollkeeper: cannot write to standard output \(EPIPE\)\n$/)
    })
  })
})
