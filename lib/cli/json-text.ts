import { visibleJson } from './visible-text.js'

/**
 * An object as JSON, in pieces, however long the list is that it has last: what
 * `JSON.stringify(object, null, 2)` gives, with a line end.
 *
 * @param head what comes before the list; at least one property.
 * @param listName the property of the list.
 */
export function* jsonPieces(
  head: object,
  listName: string,
  list: readonly unknown[],
): Generator<string> {
  const beginning = JSON.stringify(head, null, 2).slice(0, -'\n}'.length)
  yield visibleJson(`${beginning},\n  ${JSON.stringify(listName)}: [`)
  for (const [index, item] of list.entries()) {
    const text = JSON.stringify(item, null, 2).replaceAll('\n', '\n    ')
    yield visibleJson(`${index === 0 ? '' : ','}\n    ${text}`)
  }
  yield list.length === 0 ? ']\n}\n' : '\n  ]\n}\n'
}
