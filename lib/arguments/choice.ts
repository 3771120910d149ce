import { wrongType } from './argument-error.js'

/**
 * Reads an argument that is one of few values.
 *
 * @param name how an error calls the argument.
 * @returns the value.
 * @throws TypeError naming the argument, the choices and what came.
 */
export function parseChoice<Choice>(
  name: string,
  value: Choice,
  choices: readonly Choice[],
): Choice {
  if (choices.includes(value)) return value
  throw wrongType(name, choices.map(choice => JSON.stringify(choice)).join(' or '), value)
}
