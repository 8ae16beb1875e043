import { email } from './email.ts'

/** Every way to reach people. A new one is one file and one line here. */
export const notifiers = { email } as const
