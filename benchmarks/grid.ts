import { median } from './measure.js'

/** What is asked of measurements that fill a table with several columns, before they are made. */
export interface GridQuestion {
  readonly title: string
  /** What the rows have in common, in sentences. */
  readonly about: string
  readonly unit: 'ms' | 'µs' | 'MB'
  /** What tells one column from another. */
  readonly heading: string
  readonly columns: readonly string[]
  readonly wanted: readonly GridWanted[]
}

/** The most that a cell shall have. */
interface GridWanted {
  readonly row: string
  readonly column: string
  readonly valueAtMost: number
}

/** One row: by column, what was measured in each round; nothing where there was nothing to measure. */
export interface GridRow {
  readonly name: string
  readonly cells: readonly (readonly number[])[]
}

/** A question and what was measured, ours first. */
export interface Grid {
  readonly question: GridQuestion
  readonly rows: readonly GridRow[]
}

/** Gathers what is measured, round by round, until it becomes a grid. */
export class GridSheet {
  readonly #question: GridQuestion
  readonly #rows = new Map<string, number[][]>()

  /** @param rows all their names, in the order of the table. */
  constructor(question: GridQuestion, rows: readonly string[]) {
    this.#question = question
    for (const name of rows) this.#rows.set(
      name,
      question.columns.map(() => []),
    ) // prettier-ignore
  }

  /** @throws RangeError where there is no such row or column. */
  add(row: string, column: string, value: number): void {
    const cell = this.#rows.get(row)?.[this.#question.columns.indexOf(column)]
    if (!cell) throw new RangeError(`there is no cell ${row}, ${column}`)
    cell.push(Number(value.toFixed(3)))
  }

  /** The grid of all that was added. */
  grid(): Grid {
    const rows = [...this.#rows].map(([name, cells]) => ({ name, cells }))
    return { question: this.#question, rows }
  }
}

/** The middle one of the rounds of a cell; undefined where nothing was measured. */
export function typicalCell(grid: Grid, row: string, column: string): number | undefined {
  const found = grid.rows.find(({ name }) => name === row)
  const cell = found?.cells[grid.question.columns.indexOf(column)]
  if (!cell) throw new RangeError(`there is no cell ${row}, ${column}`)
  return cell.length === 0 ? undefined : median(cell)
}

/** Whether a cell has the figure that was wanted. */
export function isCellMet(grid: Grid, { row, column, valueAtMost }: GridWanted): boolean {
  return (typicalCell(grid, row, column) ?? Infinity) <= valueAtMost
}
