import { isUtf8 } from 'node:buffer'
import type { AuditText } from './audit-record.js'

/** What Kubernetes reads from a request: which resource it is about, and what is to be done. */
export interface RequestInfo {
  /**
   * `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection` of a
   * resource, `proxy`, else the method in lower case.
   */
  readonly verb: string
  /** What it is about; absent where the path is none of a resource. */
  readonly objectRef?: RequestObject
}

/** The resource of a path, as far as the path says it; what it does not say is an empty string. */
export interface RequestObject {
  readonly resource: AuditText
  readonly namespace: AuditText
  readonly name: AuditText
  readonly apiGroup: AuditText
  readonly apiVersion: AuditText
  readonly subresource: AuditText
}

/** What may become `/api/…` or `/apis/…` once it is decoded; no other path need be looked at. */
const PREFIX = /^\/*(?:apis?\/|[apis]{0,4}%)/

/** Nearly all paths with a namespace: nothing in them is encoded. They need not be taken apart. */
const PLAIN_NAMESPACE =
  /^\/(?:api|apis\/[\w.-]+)\/[\w.-]+\/(?:watch\/|proxy\/)?namespaces\/([\w.-]+)(?:[/?]|$)/

const SCHEME_AND_HOST = /^[a-z][a-z\d+.-]*:\/\/[^/?]*/i

/** Verbs that may stand before the resource in a path, as in the first versions of Kubernetes. */
const PATH_VERBS: ReadonlySet<string> = new Set(['proxy', 'watch'])

/** What follows the name of a namespace and is no resource in it, but a part of the namespace. */
const NAMESPACE_PARTS: ReadonlySet<string> = new Set(['status', 'finalize'])

/** What Kubernetes holds to take long: these verbs, and these parts of a resource. */
const LONG_VERBS: ReadonlySet<string> = new Set(['watch', 'proxy'])
const LONG_PARTS: ReadonlySet<unknown> = new Set(['attach', 'exec', 'proxy', 'log', 'portforward'])

const METHOD_VERBS = new Map([
  ['POST', 'create'],
  ['GET', 'get'],
  ['HEAD', 'get'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
])

/** The parts of a path of a resource, as texts whose characters stand for bytes. */
interface ResourcePath {
  readonly apiGroup: string
  readonly apiVersion: string
  /** A verb that stands in the path. */
  readonly pathVerb?: string
  readonly namespace: string
  /** The resource, its name, its subresource and what more there is. */
  readonly parts: readonly string[]
}

/**
 * Reads a request as Kubernetes does
 * (https://pkg.go.dev/k8s.io/apiserver/pkg/endpoints/request#RequestInfoFactory.NewRequestInfo).
 *
 * @param method as the client sent it.
 * @param target the path, percent-encoded, with its query if `query` is not given; or an absolute
 *   URL. As Node gives it: each character is a byte. A malformed escape stands for itself.
 * @param query what follows the `?`, if the path is given without it.
 */
export function requestInfo(method: string, target: string, query?: string): RequestInfo {
  const resourcePath = resourcePathOf(target, query)
  if (resourcePath === undefined) return { verb: method.toLowerCase() }
  const { apiGroup, apiVersion, pathVerb, namespace, parts } = resourcePath
  const [resource = '', givenName = '', thirdPart = ''] = parts
  const subresource = pathVerb === 'proxy' ? '' : thirdPart
  let verb = pathVerb ?? METHOD_VERBS.get(method) ?? method.toLowerCase()
  let name = givenName
  if (name === '' && verb === 'get') {
    const asked = query ?? queryOf(target)
    verb = isWatch(asked) ? 'watch' : 'list'
    name = selectedName(asked)
  } else if (name === '' && verb === 'delete') {
    verb = 'deletecollection'
  }
  const objectRef = {
    resource: textOf(resource),
    namespace: textOf(namespace),
    name: textOf(name),
    apiGroup: textOf(apiGroup),
    apiVersion: textOf(apiVersion),
    subresource: textOf(subresource),
  }
  return { verb, objectRef }
}

/**
 * The namespace that a request is about, as Kubernetes reads it from the path.
 *
 * @param target as for `requestInfo`: Node's `request.url`.
 * @returns undefined where the path names none.
 */
export function namespaceOf(target: string): AuditText | undefined {
  const plain = PLAIN_NAMESPACE.exec(target)
  if (plain) return plain[1]
  const namespace = resourcePathOf(target)?.namespace
  return namespace === undefined || namespace === '' ? undefined : textOf(namespace)
}

/**
 * Whether Kubernetes expects the answer to a request to go on after its header, for as long as the
 * client likes: a watch, a proxy, a command in a container, its log.
 *
 * @param method as for `requestInfo`, and so is `target`.
 */
export function isLongRunning(method: string, target: string): boolean {
  const { verb, objectRef } = requestInfo(method, target)
  if (objectRef === undefined) return false
  return LONG_VERBS.has(verb) || LONG_PARTS.has(objectRef.subresource)
}

function resourcePathOf(target: string, query?: string): ResourcePath | undefined {
  const path = target.startsWith('/') ? target : target.replace(SCHEME_AND_HOST, '')
  if (!PREFIX.test(path)) return undefined
  const end = query === undefined ? path.indexOf('?') : -1
  return readParts(splitPath(percentDecoded(end === -1 ? path : path.slice(0, end))))
}

function readParts(all: readonly string[]): ResourcePath | undefined {
  const [prefix] = all
  if (prefix !== 'api' && prefix !== 'apis') return undefined
  const [apiGroup, rest] = prefix === 'api' ? ['', all.slice(1)] : [all[1] ?? '', all.slice(2)]
  const [apiVersion, first, ...others] = rest
  if (apiVersion === undefined || first === undefined) return undefined
  if (!PATH_VERBS.has(first)) {
    return { apiGroup, apiVersion, ...readNamespace([first, ...others]) }
  }
  if (others.length === 0) return undefined
  return { apiGroup, apiVersion, pathVerb: first, ...readNamespace(others) }
}

function readNamespace(parts: readonly string[]): Pick<ResourcePath, 'namespace' | 'parts'> {
  const [first, namespace = '', third] = parts
  if (first !== 'namespaces') return { namespace: '', parts }
  const isInside = third !== undefined && !NAMESPACE_PARTS.has(third)
  return { namespace, parts: isInside ? parts.slice(2) : parts }
}

function splitPath(path: string): string[] {
  let start = 0
  let end = path.length
  while (path[start] === '/') start++
  while (end > start && path[end - 1] === '/') end--
  return path.slice(start, end).split('/')
}

function queryOf(target: string): string {
  const start = target.indexOf('?')
  return start === -1 ? '' : target.slice(start + 1)
}

/** `?watch` alone is true, as is all but two values. */
function isWatch(query: string): boolean {
  const value = queryValue(query, 'watch')
  return value !== undefined && value !== '0' && value.toLowerCase() !== 'false'
}

/** The name that a field selector asks for, if it is one that can be a part of a path. */
function selectedName(query: string): string {
  const selector = queryValue(query, 'fieldSelector')
  if (selector === undefined) return ''
  let name = ''
  for (const term of selector.match(/(?:\\[^]|[^\\,])+/g) ?? []) {
    const match = /^((?:\\[^]|[^\\=!]|!(?!=))*)(!=|==?)((?:\\[\\,=]|[^\\,=])*)$/.exec(term)
    if (match === null) return '' // what cannot be read selects nothing
    const [, field, operator, value = ''] = match
    if (field === 'metadata.name' && operator !== '!=') name ||= value.replace(/\\([^])/g, '$1')
  }
  return name === '.' || name === '..' || /[/%]/.test(name) ? '' : name
}

/** The first value of a name in a query; undefined if there is none that can be read. */
function queryValue(query: string, name: string): string | undefined {
  if (!query.includes(name) && !query.includes('%')) return undefined
  for (const pair of query.split('&')) {
    const at = pair.indexOf('=')
    const key = at === -1 ? pair : pair.slice(0, at)
    const value = at === -1 ? '' : pair.slice(at + 1)
    // Go leaves out pairs with a semicolon, and those with an escape that is none.
    const isReadable = !/;|%(?![\da-f]{2})/i.test(pair)
    if (isReadable && formDecoded(key) === name) return formDecoded(value)
  }
  return undefined
}

function formDecoded(text: string): string {
  return percentDecoded(text.replaceAll('+', ' '))
}

function percentDecoded(text: string): string {
  if (!text.includes('%')) return text
  return text.replace(/%([\da-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}

/** Turns characters that stand for bytes into the text that they are, or bytes if they are none. */
function textOf(characters: string): AuditText {
  if (/^[\0-\x7f]*$/.test(characters)) return characters
  const bytes = Buffer.from(characters, 'latin1')
  return isUtf8(bytes) ? bytes.toString() : new Uint8Array(bytes)
}
