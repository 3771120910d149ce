import { visible } from './visible-text.js'

/** A column of a table. */
export interface Column {
  readonly title: string
  /** Default: to the left. */
  readonly align?: 'right'
}

const GAP = '  '

/**
 * The lines of a table, under its titles. Lengths are counted in UTF-16 units: where a terminal
 * shows a name wider, all rows that have it move alike.
 *
 * @param rows as many cells each as there are columns; any text.
 */
export function* tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): Generator<string> {
  const shown = [columns.map(({ title }) => title), ...rows].map(row => row.map(visible))
  const widths = columns.map((_, index) =>
    shown.reduce((widest, row) => Math.max(widest, row[index]?.length ?? 0), 0),
  )
  for (const row of shown) {
    const cells = columns.map(({ align }, index) => {
      const cell = row[index] ?? ''
      const width = widths[index] ?? 0
      return align === 'right' ? cell.padStart(width) : cell.padEnd(width)
    })
    yield `${cells.join(GAP).trimEnd()}\n`
  }
}

/** Rows for another program: cells with a tab between them, and nothing else. */
export function* tabbedLines(rows: Iterable<readonly string[]>): Generator<string> {
  for (const row of rows) yield `${row.map(visible).join('\t')}\n`
}
