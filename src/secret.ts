import { inspect } from 'node:util'

const HIDDEN = '[secret]'

/** Text that must never be printed. Logs, JSON, templates and the inspector see `[secret]`; only `reveal()` gives it out. */
export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  reveal(): string {
    return this.#text
  }

  toString(): string {
    return HIDDEN
  }

  toJSON(): string {
    return HIDDEN
  }

  [inspect.custom](): string {
    return HIDDEN
  }
}
