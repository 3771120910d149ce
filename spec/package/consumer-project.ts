import { execFile, type ExecFileOptions } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** The repository, with a slash at its end. */
export const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url))

/** Quiet, and without a look at what is not asked for. */
const NPM_OPTIONS = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error']

const execute = promisify(execFile)

/** What a program printed. Its promise is rejected when it ends with a status other than 0. */
export interface Printed {
  readonly stdout: string
  readonly stderr: string
}

/** What `npm pack` tells of the package that it made. */
export interface Packed {
  /** Path of the tarball. */
  readonly tarball: string
  /** Names of all files in it, sorted. */
  readonly files: readonly string[]
}

/** A project of somebody who uses the package: a temporary directory. */
export class ConsumerProject {
  readonly directory = fs.mkdtempSync(join(tmpdir(), 'rollkeeper-consumer-'))

  constructor() {
    this.write('package.json', JSON.stringify({ name: 'consumer', private: true }))
  }

  /** Packs the repository as it is built at this moment, to be installed here. */
  async pack(): Promise<Packed> {
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', this.directory]
    const { stdout } = await run('npm', [...args, ...NPM_OPTIONS], { cwd: REPOSITORY })
    const told: { filename: string; files: { path: string }[] }[] = JSON.parse(stdout)
    const [packed] = told
    if (!packed) throw new Error(`npm pack made nothing: ${stdout}`)
    const files = packed.files.map(({ path }) => path).sort()
    return { tarball: this.path(packed.filename), files }
  }

  /** Installs packages: names with versions, or paths of tarballs. */
  async install(...packages: string[]): Promise<void> {
    await this.run('npm', ['install', '--prefer-offline', ...NPM_OPTIONS, ...packages])
  }

  /** Runs a program here. */
  run(program: string, args: readonly string[]): Promise<Printed> {
    return run(program, args, { cwd: this.directory })
  }

  /** Runs a line of shell here. */
  shell(line: string): Promise<Printed> {
    return run('sh', ['-c', line], { cwd: this.directory })
  }

  /** Runs a file here by Node. */
  node(name: string): Promise<Printed> {
    return this.run(process.execPath, [name])
  }

  /** The whole path of a file here. */
  path(name: string): string {
    return join(this.directory, name)
  }

  /** Writes a file here. */
  write(name: string, text: string): void {
    fs.writeFileSync(this.path(name), text)
  }

  /** Reads a file here. */
  read(name: string): string {
    return fs.readFileSync(this.path(name), 'utf8')
  }

  /** Removes the project, with all that was installed. */
  remove(): void {
    fs.rmSync(this.directory, { recursive: true, force: true })
  }
}

/** Runs a program; its error says what it printed. */
export async function run(
  program: string,
  args: readonly string[],
  options: ExecFileOptions = {},
): Promise<Printed> {
  try {
    const all = { ...options, env: environment(), encoding: 'utf8', maxBuffer: 1e8 } as const
    return await execute(program, args, all)
  } catch (error) {
    const stdout = error instanceof Error && 'stdout' in error ? String(error.stdout) : ''
    // What it printed as errors is in the message already.
    const message = `${error instanceof Error ? error.message : String(error)}\n${stdout}`
    throw new Error(message, { cause: error })
  }
}

/** Our environment without what npm tells its scripts of our own package. */
function environment(): NodeJS.ProcessEnv {
  const own = /^(?:npm_(?:package|lifecycle)_.*|npm_config_local_prefix|npm_command|NODE_OPTIONS)$/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)))
}
