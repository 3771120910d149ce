/**
 * A program that runs a scenario on the machine's disk, until it kills itself at one of the calls
 * it makes of it. What it hands over, and what is acknowledged, it says at once: one event a line.
 * Where it lives to the end it says which calls it made.
 *
 *     victim <active file> <scenario> <records so far> <moment> <number of the call, or 0> <links>
 *
 * `links` is `none` for a file system that has no hard links.
 */
import { writeSync } from 'node:fs'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { systemError } from '../support/faulty-disk.js'
import { formatEvent, Ledger } from '../support/ledger.js'
import { ManualClock } from '../support/manual-clock.js'
import { scenarioNamed } from '../support/scenarios.js'
import { KillingDisk, type Moment } from './killing-disk.js'

const [path = '', name = '', soFar = '0', moment = 'before', call = '0', links = ''] =
  process.argv.slice(2)

const linkless: Disk = {
  ...systemDisk,
  link() {
    throw systemError('EPERM') // link(2)
  },
}

async function run(): Promise<void> {
  const killing = new KillingDisk(links === 'none' ? linkless : systemDisk, {
    moment: moment as Moment,
    call: Number(call),
  })
  const clock = new ManualClock()
  const ledger = new Ledger({ acknowledged: Number(soFar) }, event =>
    writeSync(1, formatEvent(event)),
  )
  const platform = { disk: killing.disk, clock }
  await scenarioNamed(name).run({ platform, path, ledger, clock, idle: () => killing.idle() })
  await killing.idle()
  writeSync(1, `${JSON.stringify({ calls: killing.calls })}\n`)
}

void run()
