/**
 * Kafka's wire types as typed combinators: one description of a message serves its plain and its flexible (KIP-482)
 * versions, and the TypeScript type of a decoded message follows from it.
 */

/** Which version of a message is being written or read. */
export interface Layout {
  readonly version: number
  readonly flexible: boolean
}

/** A wire type: how a value of it is written, and how it is read back. */
export interface Wire<T> {
  write(out: Buffer[], value: T, layout: Layout): void
  read(from: Reader, layout: Layout): T
}

export type ValueOf<W> = W extends Wire<infer T> ? T : never

/** A response that does not follow its own description. */
export class MalformedResponseError extends Error {
  override readonly name = 'MalformedResponseError'
}

/** A position in a received frame. Never reads past its end, whatever lengths the frame claims. */
export class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  take(length: number): Buffer {
    if (length < 0 || length > this.left) {
      throw new MalformedResponseError(
        `response ends at byte ${this.#bytes.length}, ${length} more wanted at ${this.#at}`,
      )
    }
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  unsignedVarint(): number {
    let value = 0
    for (let shift = 0; shift <= 28; shift += 7) {
      const byte = this.take(1).readUInt8()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new MalformedResponseError('varint longer than five bytes')
  }

  /** Skips the tagged fields that end every struct of a flexible version. */
  skipTags(): void {
    for (let count = this.unsignedVarint(); count > 0; count -= 1) {
      this.unsignedVarint()
      this.take(this.unsignedVarint())
    }
  }
}

function unsignedVarint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
  return Buffer.from(bytes)
}

function integer(size: 1 | 2 | 4): Wire<number> {
  return {
    write(out, value) {
      const bytes = Buffer.alloc(size)
      bytes.writeIntBE(value, 0, size)
      out.push(bytes)
    },
    read: (from) => from.take(size).readIntBE(0, size),
  }
}

export const int8 = integer(1)
export const int16 = integer(2)
export const int32 = integer(4)

/** Ports. */
export const uint16: Wire<number> = {
  write(out, value) {
    const bytes = Buffer.alloc(2)
    bytes.writeUInt16BE(value)
    out.push(bytes)
  },
  read: (from) => from.take(2).readUInt16BE(),
}

export const int64: Wire<bigint> = {
  write(out, value) {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64BE(value)
    out.push(bytes)
  },
  read: (from) => from.take(8).readBigInt64BE(),
}

export const bool: Wire<boolean> = {
  write: (out, value) => void out.push(Buffer.from([value ? 1 : 0])),
  read: (from) => from.take(1).readUInt8() !== 0,
}

/** Base64url without padding, as Kafka's own tools print it. */
export const uuid: Wire<string> = {
  write(out, value) {
    const bytes = Buffer.from(value, 'base64url')
    if (bytes.length !== 16) throw new RangeError(`not a uuid: ${value}`)
    out.push(bytes)
  },
  read: (from) => from.take(16).toString('base64url'),
}

/** Lengths: in flexible versions a varint of length + 1 where 0 is null; else an integer of `size` bytes where -1 is null. */
function writeLength(out: Buffer[], length: number | null, size: Wire<number>, layout: Layout): void {
  if (layout.flexible) out.push(unsignedVarint(length === null ? 0 : length + 1))
  else size.write(out, length ?? -1, layout)
}

function readLength(from: Reader, size: Wire<number>, layout: Layout): number | null {
  const length = layout.flexible ? from.unsignedVarint() - 1 : size.read(from, layout)
  return length < 0 ? null : length
}

function present<T>(value: T | null, what: string): T {
  if (value === null) throw new MalformedResponseError(`null where a ${what} is promised`)
  return value
}

export const nullableString: Wire<string | null> = {
  write(out, value, layout) {
    const bytes = value === null ? null : Buffer.from(value, 'utf8')
    writeLength(out, bytes?.length ?? null, int16, layout)
    if (bytes) out.push(bytes)
  },
  read(from, layout) {
    const length = readLength(from, int16, layout)
    return length === null ? null : from.take(length).toString('utf8')
  },
}

export const string: Wire<string> = {
  write: (out, value, layout) => nullableString.write(out, value, layout),
  read: (from, layout) => present(nullableString.read(from, layout), 'string'),
}

export const bytes: Wire<Buffer> = {
  write(out, value, layout) {
    writeLength(out, value.length, int32, layout)
    out.push(value)
  },
  read(from, layout) {
    // Copied: a view would keep the whole frame alive.
    return Buffer.from(from.take(present(readLength(from, int32, layout), 'byte string')))
  },
}

export function nullableArray<T>(item: Wire<T>): Wire<readonly T[] | null> {
  return {
    write(out, value, layout) {
      writeLength(out, value?.length ?? null, int32, layout)
      for (const one of value ?? []) item.write(out, one, layout)
    },
    read(from, layout) {
      const length = readLength(from, int32, layout)
      if (length === null) return null
      // Every item takes at least a byte, so a longer array is a lie that would only allocate.
      if (length > from.left) throw new MalformedResponseError(`array of ${length} in ${from.left} bytes`)
      return Array.from({ length }, () => item.read(from, layout))
    },
  }
}

export function array<T>(item: Wire<T>): Wire<readonly T[]> {
  const nullable = nullableArray(item)
  return {
    write: (out, value, layout) => nullable.write(out, value, layout),
    read: (from, layout) => present(nullable.read(from, layout), 'array'),
  }
}

type Fields = Readonly<Record<string, Wire<unknown>>>
type StructOf<F extends Fields> = { readonly [K in keyof F]: ValueOf<F[K]> }

/** Fields in wire order, followed in flexible versions by the tagged fields, of which none is written and all are skipped. */
export function struct<F extends Fields>(fields: F): Wire<StructOf<F>> {
  const entries = Object.entries(fields)
  return {
    write(out, value, layout) {
      const values: Readonly<Record<string, unknown>> = value
      for (const [name, wire] of entries) wire.write(out, values[name], layout)
      if (layout.flexible) out.push(unsignedVarint(0))
    },
    read(from, layout) {
      const values: Record<string, unknown> = {}
      for (const [name, wire] of entries) values[name] = wire.read(from, layout)
      if (layout.flexible) from.skipTags()
      return values as StructOf<F>
    },
  }
}

/** A struct that may be absent: a byte of -1, or of 1 and the struct. */
export function nullableStruct<T>(inner: Wire<T>): Wire<T | null> {
  return {
    write(out, value, layout) {
      int8.write(out, value === null ? -1 : 1, layout)
      if (value !== null) inner.write(out, value, layout)
    },
    read: (from, layout) => (int8.read(from, layout) < 0 ? null : inner.read(from, layout)),
  }
}

/** A field of the versions `from` to `to` only; elsewhere it is not on the wire and reads as `absent`. */
export function versions<T>(from: number, to: number, wire: Wire<T>, absent: T): Wire<T> {
  const there = (layout: Layout) => layout.version >= from && layout.version <= to
  return {
    write: (out, value, layout) => {
      if (there(layout)) wire.write(out, value, layout)
    },
    read: (reader, layout) => (there(layout) ? wire.read(reader, layout) : absent),
  }
}

export function since<T>(from: number, wire: Wire<T>, absent: T): Wire<T> {
  return versions(from, Number.POSITIVE_INFINITY, wire, absent)
}

export function encode<T>(wire: Wire<T>, value: T, layout: Layout): Buffer {
  const out: Buffer[] = []
  wire.write(out, value, layout)
  return Buffer.concat(out)
}
