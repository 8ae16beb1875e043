import type { Command } from 'commander'
import { addCheck } from './check.ts'
import { addDoctor } from './doctor.ts'
import { addPlan } from './plan.ts'
import { addServe } from './serve.ts'

/** Every command, in the order of the help. What a command does is imported only when it runs: the help stays fast. */
export const commands: readonly ((program: Command) => void)[] = [addServe, addCheck, addPlan, addDoctor]
