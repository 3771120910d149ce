/** What a client was answered. */
export interface HttpAnswer {
  /** The final code; undefined: none came. */
  readonly code: number | undefined
  /** Codes before it: 100, 102, 103. */
  readonly interim: readonly number[]
  /** By names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Whether all of it came. */
  readonly status: 'whole' | 'cut'
}

/** What is said of a client that got nothing. */
export const NO_ANSWER: HttpAnswer = {
  code: undefined,
  interim: [],
  headers: {},
  body: '',
  status: 'cut',
}

interface Header {
  readonly code: number
  readonly headers: Record<string, string>
  /** What follows it. */
  readonly rest: string
}

/**
 * Reads the answers in what came over a connection of HTTP/1.
 *
 * @param text a character for each byte.
 * @param methods of the requests in their order; those beyond are GET.
 * @param isClosed whether nothing more will come.
 */
export function readAnswers(
  text: string,
  methods: readonly string[] = [],
  isClosed = false,
): HttpAnswer[] {
  const answers: HttpAnswer[] = []
  let rest = text
  let interim: number[] = []
  while (rest !== '') {
    const header = readHeader(rest)
    if (!header) break
    if (header.code < 200 && header.code !== 101) {
      interim.push(header.code)
      rest = header.rest
      continue
    }
    const body = readBody(header, methods[answers.length] ?? 'GET', isClosed)
    const { code, headers } = header
    answers.push({ code, interim, headers, body: body.text, status: body.status })
    interim = []
    rest = body.rest
  }
  return answers
}

function readHeader(text: string): Header | undefined {
  const end = text.indexOf('\r\n\r\n')
  const [, code] = /^HTTP\/1\.[01] (\d{3}) /.exec(text) ?? []
  if (end < 0 || code === undefined) return undefined
  const headers: Record<string, string> = {}
  for (const line of text.slice(0, end).split('\r\n').slice(1)) {
    const colon = line.indexOf(':')
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  return { code: Number(code), headers, rest: text.slice(end + 4) }
}

interface Body {
  readonly text: string
  readonly status: HttpAnswer['status']
  readonly rest: string
}

function readBody({ code, headers, rest }: Header, method: string, isClosed: boolean): Body {
  if (method === 'HEAD' || code === 204 || code === 304) {
    return { text: '', status: 'whole', rest }
  }
  if (code === 101 || (method === 'CONNECT' && code < 300)) {
    return { text: rest, status: 'whole', rest: '' }
  }
  if (headers['transfer-encoding'] === 'chunked') return readChunks(rest)
  const length = headers['content-length']
  if (length === undefined) return { text: rest, status: isClosed ? 'whole' : 'cut', rest: '' }
  const isWhole = rest.length >= Number(length)
  const text = rest.slice(0, Number(length))
  return { text, status: isWhole ? 'whole' : 'cut', rest: rest.slice(Number(length)) }
}

function readChunks(all: string): Body {
  let text = ''
  let rest = all
  for (;;) {
    const [line, digits] = /^([\da-f]+)\r\n/i.exec(rest) ?? []
    if (line === undefined || digits === undefined) return { text, status: 'cut', rest: '' }
    const length = Number.parseInt(digits, 16)
    const start = line.length
    if (rest.length < start + length + 2) return { text, status: 'cut', rest: '' }
    text += rest.slice(start, start + length)
    rest = rest.slice(start + length + 2)
    if (length === 0) return { text, status: 'whole', rest }
  }
}
