import type { Action } from './action.ts'
import { gather } from './gather.ts'
import { program } from './program.ts'
import { systemd } from './systemd.ts'

/** Every type of step that a runbook may take. A line here grants it. */
export const actions: readonly Action[] = [systemd, program, gather]

/** The action of that name, or undefined: names come from files. */
export function actionOf(type: string): Action | undefined {
  return actions.find((action) => action.type === type)
}
