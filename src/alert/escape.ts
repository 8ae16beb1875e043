/**
 * Text as it may be stored and shown: NUL (which SQLite cuts text at and PostgreSQL refuses) and lone surrogates (which no
 * UTF-8 can hold) become the six visible characters of their JSON escape, e.g. `\u0000`. A person sees which character it
 * was; text that already held those six characters looks the same.
 */
export function storable(text: string): string {
  if (!text.includes('\0') && text.isWellFormed()) return text
  return text.replace(
    /\0|\p{Surrogate}/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
