import { expect } from 'chai'
import { isLongRunning, namespaceOf, requestInfo } from '../../lib/audit/request-info.js'
import type { RequestObject } from '../../lib/audit/request-info.js'

const nothing: RequestObject = {
  resource: '',
  namespace: '',
  name: '',
  apiGroup: '',
  apiVersion: 'v1',
  subresource: '',
}

/** Verbs and objects are those that `RequestInfoFactory` of Kubernetes gives. */
const resources: [string, string, string, Partial<RequestObject>][] = [
  ['GET', '/api/v1/namespaces', 'list', { resource: 'namespaces' }],
  ['GET', '/api/v1/namespaces/other', 'get', named('namespaces', 'other', 'other')],
  ['GET', '/api/v1/namespaces/other/pods', 'list', { resource: 'pods', namespace: 'other' }],
  ['GET', '/api/v1/namespaces/other/pods/foo', 'get', named('pods', 'foo', 'other')],
  ['HEAD', '/api/v1/namespaces/other/pods/foo', 'get', named('pods', 'foo', 'other')],
  ['GET', '/api/v1/pods', 'list', { resource: 'pods' }],
  ['HEAD', '/api/v1/pods', 'list', { resource: 'pods' }],
  ['GET', '/api/v1/nodes/n1', 'get', { resource: 'nodes', name: 'n1' }],
  ['POST', '/api/v1/namespaces/other/pods', 'create', { resource: 'pods', namespace: 'other' }],
  ['PUT', '/api/v1/namespaces/other/pods/foo', 'update', named('pods', 'foo', 'other')],
  ['PATCH', '/api/v1/namespaces/other/pods/foo', 'patch', named('pods', 'foo', 'other')],
  ['DELETE', '/api/v1/namespaces/other/pods/foo', 'delete', named('pods', 'foo', 'other')],
  ['DELETE', '/api/v1/namespaces/o/pods', 'deletecollection', { resource: 'pods', namespace: 'o' }],
  ['OPTIONS', '/api/v1/pods', 'options', { resource: 'pods' }],
  // what belongs to a namespace itself
  [
    'PUT',
    '/api/v1/namespaces/other/finalize',
    'update',
    { ...named('namespaces', 'other', 'other'), subresource: 'finalize' },
  ],
  [
    'PUT',
    '/api/v1/namespaces/other/status',
    'update',
    { ...named('namespaces', 'other', 'other'), subresource: 'status' },
  ],
  [
    'GET',
    '/api/v1/namespaces/other/pods/foo/log/more',
    'get',
    { ...named('pods', 'foo', 'other'), subresource: 'log' },
  ],
  // groups
  [
    'GET',
    '/apis/apps/v1/namespaces/other/deployments/foo/scale',
    'get',
    { ...named('deployments', 'foo', 'other'), apiGroup: 'apps', subresource: 'scale' },
  ],
  ['POST', '/apis/batch/v1/jobs', 'create', { resource: 'jobs', apiGroup: 'batch' }],
  // verbs in the path
  ['GET', '/api/v1/watch/pods', 'watch', { resource: 'pods' }],
  ['GET', '/api/v1/watch/namespaces/other/pods', 'watch', { resource: 'pods', namespace: 'other' }],
  ['GET', '/api/v1/watch/namespaces/other/pods/foo', 'watch', named('pods', 'foo', 'other')],
  ['GET', '/api/v1/proxy/namespaces/other/pods/foo', 'proxy', named('pods', 'foo', 'other')],
  ['POST', '/api/v1/proxy/nodes/n1/a/b', 'proxy', { resource: 'nodes', name: 'n1' }],
  // watches and names in the query
  ...['watch=1', 'watch=true', 'watch', 'watch=', 'a=b&watch=yes', 'w%61tch=1'].map(
    (query): [string, string, string, Partial<RequestObject>] => [
      'GET',
      `/api/v1/pods?${query}`,
      'watch',
      { resource: 'pods' },
    ],
  ),
  ...['watch=0', 'watch=false', 'watch=FALSE', 'xwatch=1', 'watch=0&watch=1', 'watch=1;'].map(
    (query): [string, string, string, Partial<RequestObject>] => [
      'GET',
      `/api/v1/pods?${query}`,
      'list',
      { resource: 'pods' },
    ],
  ),
  ['GET', '/api/v1/pods/foo?watch=1', 'get', { resource: 'pods', name: 'foo' }],
  ...[
    ['fieldSelector=metadata.name=foo', 'foo'],
    ['fieldSelector=metadata.name%3Dfoo', 'foo'],
    ['fieldSelector=metadata.name%3D%3Dfoo', 'foo'],
    ['fieldSelector=spec.x!%3Da,metadata.name%3Dfoo', 'foo'],
    [String.raw`fieldSelector=metadata.name=a\,b`, 'a,b'],
    ['fieldSelector=metadata.name!%3Dfoo', ''],
    ['fieldSelector=metadata.name=a/b', ''],
    ['fieldSelector=metadata.name=..', ''],
    ['fieldSelector=metadata.name=foo,nonsense', ''],
    ['fieldSelector=other=foo', ''],
  ].map(([query, name = '']): [string, string, string, Partial<RequestObject>] => [
    'GET',
    `/api/v1/pods?${query}`,
    'list',
    { resource: 'pods', name },
  ]),
  [
    'GET',
    '/api/v1/pods?fieldSelector=metadata.name=foo&watch=1',
    'watch',
    { resource: 'pods', name: 'foo' },
  ],
  // spelling
  ['GET', '//api/v1/pods//', 'list', { resource: 'pods' }],
  ['GET', '/%61pi/v1/p%6fds', 'list', { resource: 'pods' }],
  ['GET', '/api%2fv1%2Fpods', 'list', { resource: 'pods' }],
  ['GET', '/api/v1/pods/a%zz%', 'get', { resource: 'pods', name: 'a%zz%' }],
  ['GET', '/api/v1/pods/gr%C3%BCn', 'get', { resource: 'pods', name: 'grün' }],
  ['GET', '/api/v1/pods/gr\xc3\xbcn', 'get', { resource: 'pods', name: 'grün' }],
  ['GET', '/api/v1/pods/%ff', 'get', { resource: 'pods', name: Uint8Array.of(0xff) }],
  ['GET', 'https://u:p@host:6443/api/v1/pods?watch=1', 'watch', { resource: 'pods' }],
]

const others: [string, string][] = [
  ['GET', '/'],
  ['GET', ''],
  ['OPTIONS', '*'],
  ['CONNECT', 'api:443'],
  ['GET', '/healthz'],
  ['GET', '/api'],
  ['GET', '/api/v1'],
  ['GET', '/api/v1/'],
  ['GET', '/apis/apps/v1'],
  ['GET', '/api/v1/watch'],
  ['POST', '/apiss/v1/pods'],
  ['POST', '/apix/v1/pods'],
  ['POST', '/API/v1/pods'],
  ['GET', '/x?y=/api/v1/pods'],
  ['GET', 'http://host?/api/v1/pods'],
  ['GET', '/%zz/api/v1/pods'],
]

describe('requestInfo', () => {
  for (const [method, target, verb, object] of resources) {
    it(`reads ${method} ${target} as ${verb}`, () => {
      const objectRef = { ...nothing, ...object }
      expect(requestInfo(method, target)).to.deep.equal({ verb, objectRef })
    })
  }

  for (const [method, target] of others) {
    it(`finds no resource in ${method} ${target}`, () => {
      expect(requestInfo(method, target)).to.deep.equal({ verb: method.toLowerCase() })
    })
  }

  it('takes the query apart from the path, too', () => {
    const objectRef = { ...nothing, resource: 'pods' }
    expect(requestInfo('GET', '/api/v1/pods', 'watch=1')).to.deep.equal({
      verb: 'watch',
      objectRef,
    })
    expect(requestInfo('GET', '/api/v1/pods', '').verb).to.equal('list')
  })
})

describe('namespaceOf', () => {
  it('reads the namespace of a path, if there is one', () => {
    expect(namespaceOf('/api/v1/namespaces/default/pods?x=1')).to.equal('default')
    expect(namespaceOf('/apis/apps/v1/namespaces/default')).to.equal('default')
    expect(namespaceOf('/api/v1/proxy/namespaces/a%20b/pods/x')).to.equal('a b')
    expect(namespaceOf('/api/v1/namespaces/%ff/pods')).to.deep.equal(Uint8Array.of(0xff))
    for (const target of ['/api/v1/pods', '/api/v1/namespaces', '/namespaces/x/pods', '*']) {
      expect(namespaceOf(target), target).to.equal(undefined)
    }
  })
})

describe('isLongRunning', () => {
  it('holds for watches, proxies, and what goes on in a container', () => {
    const pod = '/api/v1/namespaces/default/pods/x'
    for (const part of ['attach', 'exec', 'proxy', 'log', 'portforward']) {
      expect(isLongRunning('GET', `${pod}/${part}`), part).to.equal(true)
    }
    expect(isLongRunning('GET', '/api/v1/pods?watch=1')).to.equal(true)
    expect(isLongRunning('GET', '/api/v1/proxy/nodes/x')).to.equal(true)
    for (const target of [pod, `${pod}/status`, '/api/v1/pods', '/watch', '/x/log']) {
      expect(isLongRunning('GET', target), target).to.equal(false)
    }
  })
})

function named(resource: string, name: string, namespace: string): Partial<RequestObject> {
  return { resource, name, namespace }
}
