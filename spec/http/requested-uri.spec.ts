import { expect } from 'chai'
import * as fc from 'fast-check'
import { goQuote } from '../../lib/audit/go-quote.js'
import { parseRedactQuery, shownUri } from '../../lib/http/requested-uri.js'
import { readVectors } from '../golden/vectors.js'

interface UriVector {
  target: string
  legacy_uri_q: string
}

const names = parseRedactQuery(undefined)

/** What is shown, as text: bytes are read as UTF-8. */
function shown(target: string, redact = names): string {
  return Buffer.from(shownUri(target, redact)).toString()
}

/** A target as Node gives it, one character a byte. */
function latin1(text: string | Uint8Array): string {
  return Buffer.from(text).toString('latin1')
}

/** The bytes for which the escapes of a path stand. */
function unescaped(path: string): string {
  return path.replace(/%([\da-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}

const SECRET = 'S3CRET'

/** Targets made of what means something to one reader or another. */
const hostileTarget = fc
  .array(
    fc.oneof(
      fc.constantFrom('/', '//', '?', '??', '&', ';', '#', '=', '@', ':', '[', ']', '%', '%2', '+'),
      fc.constantFrom(
        'token',
        'TOKEN',
        'tok%65n',
        'token[]',
        'access_token',
        'password',
        'a',
        'b.c',
      ),
      fc.constantFrom(
        'http://',
        'HTTPS://',
        'h:80',
        'u:p@',
        '*',
        '%zz',
        '%C3%A9',
        '\xc3\xa9',
        '\xff',
      ),
      fc.constantFrom('"', '\\', ' ', '\n', '\0', '|', '^', '日', '\ud800'),
      fc.string({ maxLength: 3 }),
    ),
    { maxLength: 14 },
  )
  .map(pieces => pieces.join(''))

/** All ways to write one character of a name. */
function spelled(letter: string): fc.Arbitrary<string> {
  const hex = letter.charCodeAt(0).toString(16)
  const upper = letter.toUpperCase()
  const upperHex = upper.charCodeAt(0).toString(16)
  const escapes = [`%${hex}`, `%${hex.toUpperCase()}`, `%${upperHex}`]
  return fc.constantFrom(letter, upper, ...escapes)
}

const secretName = fc
  .constantFrom('token', 'access_token', 'password')
  .chain(name => fc.tuple(...Array.from(name, spelled)))
  .map(letters => letters.join(''))

const brackets = fc.constantFrom(
  '',
  '',
  '[]',
  '[0]',
  '%5B%5D',
  '%5b1%5d',
  '[a][b]',
  '[',
  '[=]',
  '.a',
)
const harmlessPart = fc.constantFrom('', 'a', 'a=1', 'a=b=c', '%zz', '=', 'x[]=1', 'é=日', 'token')
const secretParameter = fc
  .tuple(secretName, brackets, fc.constantFrom('', 'x', '?', ';', '#', '%', '=', '[', 'a=b;'))
  .map(([name, ending, before]) => `${name}${ending}=${before}${SECRET}`)

/** Targets with a secret in them, at all places where it may be known as one. */
const secretTarget = fc
  .tuple(
    fc.constantFrom('/', '/a%zz', '/a|b', '//x', '*', 'host:443', 'http://h', 'http://u:p@h/x'),
    fc.constantFrom('?', '??', '#', '?#', '#?', '?a#', '#a=1&', '?;'),
    fc.array(harmlessPart, { maxLength: 3 }),
    fc.constantFrom('&', ';', '&;', '?', '#', '&#', '&amp;'),
    fc.array(secretParameter, { minLength: 1, maxLength: 3 }),
    fc.array(harmlessPart, { maxLength: 3 }),
  )
  .map(([begin, query, before, separator, secrets, after]) =>
    latin1(`${begin}${query}${[...before, ...secrets].join(separator)}&${after.join('&')}`),
  )

describe('parseRedactQuery', () => {
  it('names the usual secrets by default', () => {
    expect([...names]).to.deep.equal(['access_token', 'token', 'password'])
  })

  it('takes names in any case, and none at all', () => {
    expect([...parseRedactQuery(['Key', 'sig'])]).to.deep.equal(['key', 'sig'])
    expect(parseRedactQuery([]).size).to.equal(0)
  })

  it('refuses what is no array of names, naming the option', () => {
    for (const value of [null, false, 'token', {}, new Set(['token'])]) {
      expect(() => parseRedactQuery(value)).to.throw(TypeError, /^option redactQuery: expected an/)
    }
    expect(() => parseRedactQuery([1])).to.throw(TypeError, /^an element of option redactQuery/)
    expect(() => parseRedactQuery([''])).to.throw(RangeError, /^an element of option redactQuery/)
  })
})

describe('shownUri', () => {
  for (const { target, legacy_uri_q } of readVectors<UriVector>('uri.jsonl')) {
    it(`shows ${JSON.stringify(target)} as Go does`, () => {
      // Go showed the credentials; all else is the same.
      const quoted = legacy_uri_q.replace('//u:p@', '//')
      expect(goQuote(shownUri(latin1(target), names))).to.equal(quoted)
      expect(goQuote(shownUri(latin1(target), new Set()))).to.equal(quoted)
    })
  }

  const forms: [target: string, uri: string][] = [
    ['', ''],
    ['*', '*'],
    ['/?', '/?'],
    ['host:443', 'host:443'],
    ['u:p@host:443', 'host:443'],
    ['u:p@x@host:443', 'host:443'],
    ['u:p/w@host:443', 'host:443'],
    ['u:p?w@host:443', 'host:443'],
    ['u:p@http://v:w@h/', 'h/'],
    ['http://u:p@h', 'http://h'],
    ['http://u:p@h?x', 'http://h?x'],
    ['http://u:p@h?x=a@b', 'http://h?x=a@b'],
    ['http://u@v:p@h:80/x', 'http://h:80/x'],
    ['http://u%40v:p@h/', 'http://h/'],
    ['HTTP://u:p@Host/X', 'http://Host/X'],
    ['http://u:p@[::1]:80/', 'http://[::1]:80/'],
    ['http://[::1]/a@b', 'http://[::1]/a@b'],
    ['http://u:p/w@h/x', 'http://h/x'],
    ['http://u:p?w@h/x', 'http://h/x'],
    ['http://u:p#w@h/x', 'http://h/x'],
    ['http:///x', 'http:///x'],
    ['http://h/a|b?c|d', 'http://h/a%7Cb?c|d'],
    ['http://h#x/y', 'http://h/%23x/y'],
    ['http://#x:y@z', 'http://z'],
    ['http://#x/y@z', 'http:///%23x/y@z'],
    ['x%40|', 'x%40%7C'],
    ['//u:p@h/x', '//u:p@h/x'],
    ['/a@b', '/a@b'],
    ['/a!|%41', '/a%21%7CA'],
    ['/a%2f|', '/a/%7C'],
    ['/a%zz', '/a%zz'],
    ['/a%zz|%2f%', '/a%zz%7C%2f%'],
    ['/a#b', '/a%23b'],
    ['/\x7f', '/%7F'],
    ['/\xff\xfe', '/%FF%FE'],
    ['/日', '/%E6%97%A5'],
  ]
  for (const [target, uri] of forms) {
    it(`shows ${JSON.stringify(target)} as ${uri}`, () => {
      expect(shownUri(target, names)).to.equal(uri)
    })
  }

  it('gives the bytes of a query that are not ASCII, UTF-8 or not', () => {
    const bytes = Buffer.concat([Buffer.from('/x?é='), Buffer.from([0xff])])
    expect(shownUri(latin1(bytes), names)).to.deep.equal(bytes)
    expect(goQuote(shownUri(latin1(bytes), names))).to.equal(String.raw`"/x?é=\xff"`)
    expect(shown('/日?日')).to.equal('/%E6%97%A5?日')
  })

  const redacted: [target: string, uri: string][] = [
    ['/x?token=s', '/x?token=REDACTED'],
    ['/x?access_token=s&a=1&password=s', '/x?access_token=REDACTED&a=1&password=REDACTED'],
    ['/x?token=s&token=s', '/x?token=REDACTED&token=REDACTED'],
    ['/x?token=', '/x?token=REDACTED'],
    ['/x?token', '/x?token'],
    ['/x?a=token', '/x?a=token'],
    ['/x?a=token=s', '/x?a=token=s'],
    ['/x?xtoken=s&token2=s&to+ken=s', '/x?xtoken=s&token2=s&to+ken=s'],
    ['/x?ToKeN=s', '/x?ToKeN=REDACTED'],
    ['/x?tok%65n=s&%54oken=s', '/x?tok%65n=REDACTED&%54oken=REDACTED'],
    ['/x?%zztoken=s&tok%=s', '/x?%zztoken=s&tok%=s'],
    ['/x?+token%20=s&%00token=s', '/x?+token%20=REDACTED&%00token=REDACTED'],
    ['/x?token[]=s&token[0]=s', '/x?token[]=REDACTED&token[0]=REDACTED'],
    ['/x?token%5B%5D=s', '/x?token%5B%5D=REDACTED'],
    ['/x?[token]=s&user[password]=s', '/x?[token]=REDACTED&user[password]=REDACTED'],
    ['/x?token[=]=s&token.a=s', '/x?token[=REDACTED&token.a=REDACTED'],
    ['/x?a=1;token=s;b&c', '/x?a=1;token=REDACTED&c'],
    ['/x?a=1;token[?]=s', '/x?a=1;token[?]=REDACTED'],
    ['/x?a=token[;b=1', '/x?a=token[;b=1'],
    ['/x?a;token=s', '/x?a;token=REDACTED'],
    ['/x?token;a=1', '/x?token;a=1'],
    ['/x??token=s', '/x??token=REDACTED'],
    ['/x?to=/y?token=s', '/x?to=/y?token=REDACTED'],
    ['/x?token=a?b#c=d;e', '/x?token=REDACTED'],
    ['/x?a#token=s', '/x?a#token=REDACTED'],
    ['/x#token=a?b', '/x%23token=REDACTED'],
    ['/x#a?token=s', '/x%23a?token=REDACTED'],
    ['/x?a=b&amp;token=s', '/x?a=b&amp;token=REDACTED'],
    ['http://u:p@h?token=s', 'http://h?token=REDACTED'],
    ['http://h#token=s', 'http://h/%23token=REDACTED'],
    ['host:443?token=s', 'host:443?token=REDACTED'],
    ['*?token=s', '*?token=REDACTED'],
  ]
  for (const [target, uri] of redacted) {
    it(`shows ${target} as ${uri}`, () => {
      expect(shownUri(target, names)).to.equal(uri)
    })
  }

  it('redacts the names that it is given, others not', () => {
    const own = parseRedactQuery(['sig', 'clé', 'a[b]', 'c;d'])
    expect(shown('/x?sig=s&token=t', own)).to.equal('/x?sig=REDACTED&token=t')
    expect(shown(latin1('/x?clé=s'), own)).to.equal('/x?clé=REDACTED')
    expect(shown('/x?cl%c3%a9=s', own)).to.equal('/x?cl%c3%a9=REDACTED')
    expect(shown('/x?a[b]=s&a[c]=t&c;d=s', own)).to.equal('/x?a[b]=REDACTED&a[c]=t&c;d=REDACTED')
    expect(shown('/x?A%5Bb%5D=s', own)).to.equal('/x?A%5Bb%5D=REDACTED')
    expect(shown('/x?token=t', new Set())).to.equal('/x?token=t')
  })

  it('shows no secret, however it is written', () => {
    fc.assert(
      fc.property(secretTarget, target => {
        expect(shown(target)).not.to.include(SECRET)
      }),
      { numRuns: 3000 },
    )
  })

  it('shows no credentials of an absolute target or of an authority', () => {
    const userinfo = fc.stringMatching(/^[\w.~!$&'()*+,;=:%@-]{0,8}$/)
    const begin = fc.constantFrom('http://', 'HTTPS://', 'x+y://', '')
    const rest = fc.constantFrom('h', 'h:80', '[::1]:80', 'h/', 'h?a@b', 'h/@?x#@', 'h#x')
    fc.assert(
      fc.property(begin, userinfo, rest, (scheme, info, end) => {
        const uri = shown(`${scheme}${info}${SECRET}@${end}`)
        expect(uri).not.to.include(SECRET)
      }),
      { numRuns: 1000 },
    )
  })

  it('gives what it gave, if that is shown again', () => {
    fc.assert(
      fc.property(fc.oneof(hostileTarget, secretTarget), target => {
        const once = shownUri(target, names)
        const again = shownUri(typeof once === 'string' ? once : latin1(once), names)
        expect(again).to.deep.equal(once)
      }),
      { numRuns: 5000 },
    )
  })

  it('changes no byte for which a path stands, and leaves none in it that cannot be there', () => {
    const path = fc
      .array(fc.oneof(fc.constantFrom('%41', '%2f', '%C3%A9', '!', '|', '/', '#'), fc.string()))
      .map(pieces =>
        latin1(
          `/${pieces
            .join('')
            .replaceAll('?', '')
            .replace(/%(?![\da-f]{2})/gi, '')}`,
        ),
      )
    fc.assert(
      fc.property(path, target => {
        const uri = shown(target, new Set())
        expect(unescaped(uri)).to.equal(unescaped(target))
        expect(uri).to.match(/^[\w.~!$&'()*+,;=:@[\]/%-]*$/)
      }),
      { numRuns: 2000 },
    )
  })

  it('keeps each byte of a query that has no secret', () => {
    fc.assert(
      fc.property(fc.uint8Array(), bytes => {
        const target = `/x?${latin1(bytes)}`
        expect(latin1(Buffer.from(shownUri(target, new Set(['secret']))))).to.equal(target)
      }),
    )
  })

  const long = 65_536
  const longTargets: [what: string, target: string, uri: string][] = [
    ['a secret', `/x?token=${SECRET.repeat(long / 6)}&a`, '/x?token=REDACTED&a'],
    ['separators', `/x?${';'.repeat(long)}token=s`, `/x?${';'.repeat(long)}token=REDACTED`],
    ['empty parts', `/x?${'&'.repeat(long)}token=s`, `/x?${'&'.repeat(long)}token=REDACTED`],
    ['equal signs', `/x?${'=;'.repeat(long)}token=s`, `/x?${'=;'.repeat(long)}token=REDACTED`],
    ['brackets', `/x?token${'['.repeat(long)}=s`, `/x?token${'['.repeat(long)}=REDACTED`],
    ['half escapes', `/${'%'.repeat(long)}`, `/${'%'.repeat(long)}`],
    ['a path to escape', `/${'|'.repeat(long)}`, `/${'%7C'.repeat(long)}`],
    ['at signs', `http://${'@'.repeat(long)}h/`, 'http://h/'],
    ['colons', `${'x:/@'.repeat(long)}h`, 'h'],
  ]
  for (const [what, target, uri] of longTargets) {
    it(`shows a target of 64 KiB and more, all ${what}`, () => {
      // Compared as a truth: chai would print both.
      expect(shownUri(target, names) === uri).to.equal(true)
    })
  }
})
