import type { Command } from 'commander'
import { addAck } from './ack.ts'
import { addApprove } from './approve.ts'
import { addCancel } from './cancel.ts'
import { addCheck } from './check.ts'
import { addCompletion } from './completion.ts'
import { addDoctor } from './doctor.ts'
import { addExplain } from './explain.ts'
import { addExport } from './export.ts'
import { addHistory } from './history.ts'
import { addIncidents } from './incidents.ts'
import { addInit } from './init.ts'
import { addPause } from './pause.ts'
import { addPlan } from './plan.ts'
import { addReload } from './reload.ts'
import { addReplay } from './replay.ts'
import { addResume } from './resume.ts'
import { addRetry } from './retry.ts'
import { addRules } from './rules.ts'
import { addServe } from './serve.ts'
import { addShow } from './show.ts'
import { addSilence } from './silence.ts'
import { addStatus } from './status.ts'
import { addTest } from './test.ts'

/** Commands under one heading of the help. */
interface Group {
  readonly heading: string
  readonly commands: readonly ((program: Command) => void)[]
}

/** Every command, in the order of the help. What a command does is imported only when it runs: the help stays fast. */
export const groups: readonly Group[] = [
  { heading: 'Set up and run:', commands: [addInit, addServe, addCheck, addPlan, addDoctor] },
  { heading: 'Rules as code:', commands: [addTest, addReplay, addExport, addRules] },
  { heading: 'Look:', commands: [addStatus, addIncidents, addShow, addExplain, addHistory] },
  { heading: 'Decide about an incident:', commands: [addApprove, addRetry, addCancel, addAck] },
  { heading: 'Hold back:', commands: [addSilence, addPause, addResume] },
  { heading: 'Operate:', commands: [addReload, addCompletion] },
]
