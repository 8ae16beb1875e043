import type { z } from 'zod'
import type { ReloadAnswer } from '../../http/shapes.ts'

type Fields = Pick<z.infer<typeof ReloadAnswer>, 'differing' | 'applied' | 'atNextStart'>

/** What a person should know of the revision in force besides its name. */
export function remarksOn({ differing, applied, atNextStart }: Fields): readonly string[] {
  return [
    ...(differing.length === 0 ? [] : [`not as they are committed: ${differing.join(', ')}`]),
    ...(applied ? [] : ['what it takes away from open incidents waits for the store, which is away']),
    ...(atNextStart.length === 0 ? [] : [`only the next start changes: ${atNextStart.join(', ')}`]),
  ]
}
