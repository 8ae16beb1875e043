import type { Action } from './action.ts'
import { program } from './program.ts'
import { systemd } from './systemd.ts'

/** Every type of step that a runbook may take. A line here grants it. */
export const actions = {
  systemd,
  program,
} as const

export type ActionType = keyof typeof actions

/** The action of that name, or undefined: names come from files. */
export function actionOf(type: string): Action | undefined {
  return Object.hasOwn(actions, type) ? actions[type as ActionType] : undefined
}
