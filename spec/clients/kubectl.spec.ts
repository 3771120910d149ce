import { spawnSync } from 'node:child_process'
import { expect } from 'chai'
import fs from 'fs-extra'
import { auditedServers, clientAuthority } from '../support/audited-server.js'
import { readEventPairs, readPairs, withoutTimeAndId } from '../support/audit-pairs.js'
import { httpCertificates } from '../support/http-certificates.js'
import { startKubeServer, type KubeServer } from '../support/kube-server.js'
import { startProgram, waitFor, type Running } from '../support/run-program.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const PODS = '/api/v1/namespaces/default/pods'
const MASTERS = String.raw`"\"system:masters\""`

const isInstalled = spawnSync('kubectl', ['version', '--client']).status === 0

describe('kubectl', function () {
  this.timeout(60_000)
  const at = temporaryDirectory()
  const serve = auditedServers()

  before(function () {
    if (isInstalled) return
    console.log('      skipped: no kubectl on the path (Debian: kubernetes-client)')
    this.skip()
  })
  beforeEach(async () => {
    await writeClient('admin', ['system:masters'])
  })

  /** Leaves the certificates of a user where `start` looks for them. */
  async function writeClient(user: string, groups: readonly string[]): Promise<void> {
    const authority = await clientAuthority()
    const { key, cert } = await authority.client(user, groups)
    await fs.outputFile(at('home', 'ca.pem'), (await httpCertificates()).ca)
    await fs.outputFile(at('home', 'client.pem'), cert)
    await fs.outputFile(at('home', 'client-key.pem'), key)
    await fs.outputFile(at('home', 'config'), '')
  }

  /** Starts it with a home of its own: neither configuration nor cache of anybody else. */
  function start(server: KubeServer, ...args: string[]): Running {
    return startProgram([
      'env',
      `HOME=${at('home')}`,
      `KUBECONFIG=${at('home', 'config')}`,
      'kubectl',
      ...args,
      `--cache-dir=${at('home', 'cache')}`,
      `--server=${server.origin}`,
      `--certificate-authority=${at('home', 'ca.pem')}`,
      `--client-certificate=${at('home', 'client.pem')}`,
      `--client-key=${at('home', 'client-key.pem')}`,
    ])
  }

  /**
   * The lines about pods, those of a request one after the other. Some builds of kubectl ask for the
   * server's version before anything else, and all look for what it has: that is not told here.
   */
  function podLines(server: KubeServer): string[] {
    const isAboutPods = (line: string): boolean =>
      line.includes(` uri="${PODS}`) || line.includes(`"requestURI":"${PODS}`)
    const idsIn = (line: string): string => /(?: id=|"auditID":)"[^"]*"/.exec(line)?.[0] ?? ''
    const ids = new Set(server.lines.filter(isAboutPods).map(idsIn))
    const lines = [...ids].flatMap(id => server.lines.filter(line => idsIn(line) === id))
    return lines.map(withoutTimeAndId)
  }

  /** Resolved when all that came is answered, and the server has stopped. */
  async function stop(server: KubeServer): Promise<void> {
    await server.hasLines(2 * server.requests.length)
    await server.stop()
    const others = server.requests.filter(({ uri }) => !uri.startsWith(PODS))
    for (const { uri } of others) expect(uri).to.match(/^\/(?:version|apis?|openapi)\b/)
  }

  for (const kind of ['https', 'http2'] as const) {
    describe(`with a server of ${kind}`, () => {
      const raw = ['get', '--raw', PODS, '--as', 'alice', '--as-group', 'dev', '--as-group', 'ops']

      it('is in lines of 1.4 as its certificate says, and as whom it would be', async () => {
        const server = await startKubeServer(serve, kind, '1.4')
        const { code, stdout, stderr } = await start(server, ...raw).ended
        expect(stderr).to.equal('')
        expect(code).to.equal(0)
        expect(JSON.parse(stdout)).to.have.property('kind', 'PodList')
        await stop(server)
        expect(server.requests.at(-1)?.httpVersion).to.equal(kind === 'http2' ? '2.0' : '1.1')
        expect(podLines(server)).to.deep.equal([
          `TIME AUDIT: id="ID" ip="127.0.0.1" method="GET" user="admin" as="alice" namespace="default" uri="${PODS}"`,
          'TIME AUDIT: id="ID" response="200"',
        ])
        readPairs(server.lines)
      })

      it('is in lines of 1.6 with its groups, and those it would have', async () => {
        const server = await startKubeServer(serve, kind, '1.6')
        expect((await start(server, ...raw).ended).code).to.equal(0)
        await stop(server)
        expect(podLines(server)).to.deep.equal([
          `TIME AUDIT: id="ID" ip="127.0.0.1" method="GET" user="admin" groups=${MASTERS} as="alice" asgroups=${String.raw`"\"dev\",\"ops\""`} namespace="default" uri="${PODS}"`,
          'TIME AUDIT: id="ID" response="200"',
        ])
        readPairs(server.lines)
      })

      it('is in events with all that Kubernetes says of it at this level', async () => {
        const server = await startKubeServer(serve, kind, 'json')
        expect((await start(server, ...raw).ended).code).to.equal(0)
        await stop(server)
        const event = eventOf(server, {
          requestURI: PODS,
          verb: 'list',
          user: { username: 'admin', groups: ['system:masters'] },
          impersonatedUser: { username: 'alice', groups: ['dev', 'ops'] },
        })
        expect(podAgent(server)).to.match(/^kubectl\//)
        expect(podLines(server)).to.deep.equal([
          event('RequestReceived'),
          event('ResponseComplete', 200),
        ])
        readEventPairs(server.lines)
      })

      it('finds its pods, which it asks for after what there is', async () => {
        const server = await startKubeServer(serve, kind, '1.6')
        const { code, stdout, stderr } = await start(server, 'get', 'pods').ended
        expect(stderr).to.equal('')
        expect(code).to.equal(0)
        expect(stdout).to.match(/^NAME.*\nweb-0 .*\nweb-1 .*\n$/)
        await stop(server)
        expect(podLines(server)).to.deep.equal([
          `TIME AUDIT: id="ID" ip="127.0.0.1" method="GET" user="admin" groups=${MASTERS} as="<self>" asgroups="<lookup>" namespace="default" uri="${PODS}?limit=500"`,
          'TIME AUDIT: id="ID" response="200"',
        ])
        const pairs = readPairs(server.lines)
        expect(pairs.map(({ code: status }) => status)).to.deep.equal(pairs.map(() => 200))
        expect(pairs).to.have.lengthOf(server.requests.length)
        expect(pairs.map(({ request }) => request.uri)).to.include('/api?timeout=32s')
      })

      it('is answered at the start of a watch, which goes on', async () => {
        const server = await startKubeServer(serve, kind, '1.4')
        const kubectl = start(server, 'get', 'pods', '--watch')
        await waitFor('a watch', () => server.openWatches() === 1)
        const watch = `uri="${PODS}?`
        const isWatch = (line: string): boolean => line.includes(watch) && line.includes('watch=')
        await waitFor('the line of the watch', () => server.lines.some(isWatch))
        const request = server.lines.find(isWatch) ?? ''
        const id = / id="[^"]*"/.exec(request)?.[0] ?? ''
        const answers = (): string[] => server.lines.filter(line => line.includes(`${id} response`))
        await waitFor('the answer', () => answers().length === 1)
        expect(withoutTimeAndId(request)).to.match(
          /^TIME AUDIT: id="ID" ip="127\.0\.0\.1" method="GET" user="admin" as="<self>" namespace="default" uri="\/api\/v1\/namespaces\/default\/pods\?[^" ]*watch=(?:true|1)[^" ]*"$/,
        )
        expect(answers().map(withoutTimeAndId)).to.deep.equal([
          'TIME AUDIT: id="ID" response="200"',
        ])
        server.addPod('web-2')
        await waitFor('the pod', () => kubectl.said().stdout.includes('web-2'))
        server.endWatches()
        const { code } = await kubectl.ended
        expect(code).to.equal(0)
        await server.stop()
        expect(answers()).to.have.lengthOf(1)
        readPairs(server.lines)
      })

      it('starts and completes a watch in events', async () => {
        const server = await startKubeServer(serve, kind, 'json')
        const path = `${PODS}?watch=true`
        const kubectl = start(server, 'get', '--raw', path)
        await waitFor('a watch', () => server.openWatches() === 1)
        await waitFor('its lines', () => podLines(server).length === 2)
        const event = eventOf(server, {
          requestURI: path,
          verb: 'watch',
          user: { username: 'admin', groups: ['system:masters'] },
        })
        expect(podLines(server)).to.deep.equal([
          event('RequestReceived'),
          event('ResponseStarted', 200),
        ])
        server.addPod('web-2')
        await waitFor('the pod', () => kubectl.said().stdout.includes('web-2'))
        server.endWatches()
        expect((await kubectl.ended).code).to.equal(0)
        await waitFor('its last line', () => podLines(server).length === 3)
        await server.stop()
        expect(podLines(server).at(-1)).to.equal(event('ResponseComplete', 200))
        readEventPairs(server.lines)
      })

      it('is told that there is none, and that it may not be somebody else', async () => {
        await writeClient('mallory', ['dev', 'night shift'])
        const server = await startKubeServer(serve, kind, '1.6')
        const missing = await start(server, 'get', '--raw', `${PODS}/none`).ended
        expect(missing.code).to.equal(1)
        expect(missing.stderr).to.include('NotFound')
        const refused = await start(server, ...raw).ended
        expect(refused.code).to.equal(1)
        expect(refused.stderr).to.include('Forbidden')
        await stop(server)
        const groups = String.raw`"\"dev\",\"night shift\""`
        expect(podLines(server)).to.deep.equal([
          `TIME AUDIT: id="ID" ip="127.0.0.1" method="GET" user="mallory" groups=${groups} as="<self>" asgroups="<lookup>" namespace="default" uri="${PODS}/none"`,
          'TIME AUDIT: id="ID" response="404"',
          `TIME AUDIT: id="ID" ip="127.0.0.1" method="GET" user="mallory" groups=${groups} as="alice" asgroups=${String.raw`"\"dev\",\"ops\""`} namespace="default" uri="${PODS}"`,
          'TIME AUDIT: id="ID" response="403"',
        ])
        readPairs(server.lines)
      })

      it('makes a pod as somebody else', async () => {
        const server = await startKubeServer(serve, kind, '1.4')
        const manifest = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'made' }, spec: {} }
        await fs.outputJson(at('home', 'pod.json'), manifest)
        const create = ['create', '--validate=false', '-f', at('home', 'pod.json'), '--as', 'ålice']
        const { code, stderr } = await start(server, ...create).ended
        expect(stderr).to.equal('')
        expect(code).to.equal(0)
        await stop(server)
        const pairs = readPairs(server.lines)
        const made = pairs.filter(({ request }) => request.method === 'POST')
        expect(made.map(one => one.code)).to.deep.equal([201])
        const { time: _time, id: _id, ...fields } = made[0]!.request
        expect(fields).to.deep.include({
          ip: '127.0.0.1',
          user: 'admin',
          as: 'ålice',
          namespace: 'default',
        })
        expect(String(fields.uri).split('?')[0]).to.equal(PODS)
      })
    })
  }
})

/** What kubectl calls itself when it asks for pods. */
function podAgent(server: KubeServer): string | undefined {
  return server.requests.find(({ uri }) => uri.startsWith(PODS))?.userAgent
}

/** What makes the events of a request: Kubernetes' members, in its order. */
function eventOf(
  server: KubeServer,
  members: { requestURI: string; verb: string; user: object; impersonatedUser?: object },
): (stage: string, code?: number) => string {
  const { requestURI, verb, user, impersonatedUser } = members
  return (stage, code) =>
    JSON.stringify({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      auditID: 'ID',
      stage,
      requestURI,
      verb,
      user,
      impersonatedUser,
      sourceIPs: ['127.0.0.1'],
      userAgent: podAgent(server),
      objectRef: { resource: 'pods', namespace: 'default', apiVersion: 'v1' },
      responseStatus: code === undefined ? undefined : { metadata: {}, code },
      requestReceivedTimestamp: 'TIME',
      stageTimestamp: 'TIME',
    })
}
