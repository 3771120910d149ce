/**
 * What a terminal obeys instead of showing it: controls of old (among them ESC), line separators,
 * and the marks that turn the direction of text around, so that it reads as something else
 * (https://trojansource.codes). Halves of a pair that are alone cannot be written at all.
 */
const OBEYED = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/gu

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Text from elsewhere, such as a file name, in one line that shows all that is in it. */
export function visible(text: string): string {
  return text.replace(OBEYED, character => NAMED[character] ?? escape(character, 'short'))
}

/** The same for JSON text, whose meaning stays; its own line ends stay too. */
export function visibleJson(json: string): string {
  return json.replace(OBEYED, character => (character === '\n' ? '\n' : escape(character, 'long')))
}

function escape(character: string, form: 'short' | 'long'): string {
  const hex = character.charCodeAt(0).toString(16)
  return form === 'short' && hex.length <= 2
    ? `\\x${hex.padStart(2, '0')}`
    : `\\u${hex.padStart(4, '0')}`
}
