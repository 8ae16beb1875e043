import { RuleAnswer, RulesAnswer } from '../http/rule-shapes.ts'
import { type ClientOptions, withService } from './client/session.ts'
import { ruleLines, ruleListLines } from './rules/lines.ts'

export interface RulesOptions extends ClientOptions {
  readonly since: string
}

const OneRule = RulesAnswer.omit({ items: true }).extend(RuleAnswer.shape)

/** `kafka-healing rules [name]`: what the rules in force did, and which mode each has earned. */
export async function rules(name: string | null, options: RulesOptions): Promise<void> {
  const query = { since: options.since }
  await withService(options, async ({ ask, print, screen }) => {
    if (name === null) {
      const all = await ask({ method: 'GET', path: '/rules', query }, RulesAnswer)
      return print(all, (value) => ruleListLines(value, screen))
    }
    const path = `/rules/${encodeURIComponent(name)}`
    return print(await ask({ method: 'GET', path, query }, OneRule), (value) => ruleLines(value, screen))
  })
}
