import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { inflateSync } from 'node:zlib'

export interface GitObject {
  readonly type: 'commit' | 'tree' | 'blob' | 'tag'
  readonly content: Buffer
}

/**
 * The object of that id (hexadecimal) in a folder `objects` of git, loose or packed, or in one that it borrows from; null
 * when it is not there. Throws for what is damaged.
 */
export function readObject(folder: string, id: string): GitObject | null {
  return readLoose(folder, id) ?? readPacked(folder, id) ?? readBorrowed(folder, id)
}

function readLoose(folder: string, id: string): GitObject | null {
  const file = join(folder, id.slice(0, 2), id.slice(2))
  if (!existsSync(file)) return null
  const whole = inflateSync(readFileSync(file))
  const end = whole.indexOf(0)
  const [type] = whole.toString('latin1', 0, end).split(' ')
  return { type: typeOf(type), content: whole.subarray(end + 1) }
}

function typeOf(word: string | undefined): GitObject['type'] {
  if (word === 'commit' || word === 'tree' || word === 'blob' || word === 'tag') return word
  throw new Error(`git knows no object of type ${word ?? ''}`)
}

/** Folders named in `info/alternates`, as `git clone --shared` and `--reference` leave them. */
function readBorrowed(folder: string, id: string): GitObject | null {
  const list = join(folder, 'info', 'alternates')
  if (!existsSync(list)) return null
  for (const line of readFileSync(list, 'utf8').split('\n')) {
    const found = line === '' ? null : readObject(resolve(folder, line), id)
    if (found !== null) return found
  }
  return null
}

function readPacked(folder: string, id: string): GitObject | null {
  const packs = join(folder, 'pack')
  if (!existsSync(packs)) return null
  for (const name of readdirSync(packs)) {
    if (!name.endsWith('.idx')) continue
    const offset = withFile(join(packs, name), (read) => offsetIn(read, Buffer.from(id, 'hex')))
    if (offset === null) continue
    const pack = join(packs, name.replace(/\.idx$/, '.pack'))
    return withFile(pack, (read) => objectAt(read, offset, id.length / 2, (base) => required(folder, base)))
  }
  return null
}

function required(folder: string, id: string): GitObject {
  const found = readObject(folder, id)
  if (found === null) throw new Error(`git has no object ${id}`)
  return found
}

/** Reads up to so many bytes from there on; fewer at the end of the file. */
type Read = (at: number, length: number) => Buffer

/** A pack may be gigabytes: only what is asked for is read. */
function withFile<T>(file: string, use: (read: Read) => T): T {
  const handle = openSync(file, 'r')
  try {
    return use((at, length) => {
      const buffer = Buffer.alloc(length)
      return buffer.subarray(0, readSync(handle, buffer, 0, length, at))
    })
  } finally {
    closeSync(handle)
  }
}

/** `\377tOc` and version 2, then 256 counts: how many ids begin with this byte or a lower one. */
const FANOUT_AT = 8
const IDS_AT = FANOUT_AT + 256 * 4
const FAR = 0x8000_0000

/** Where an object begins in the pack of this index (gitformat-pack, version 2); null when it is not in it. */
function offsetIn(read: Read, id: Buffer): number | null {
  const first = id[0] ?? 0
  const countTo = (byte: number): number => (byte < 0 ? 0 : read(FANOUT_AT + byte * 4, 4).readUInt32BE())
  const total = countTo(255)
  let [low, high] = [countTo(first - 1), countTo(first)]
  while (low < high) {
    const middle = (low + high) >>> 1
    const order = read(IDS_AT + middle * id.length, id.length).compare(id)
    if (order === 0) return offsetOf(read, IDS_AT + total * (id.length + 4), total, middle)
    if (order < 0) low = middle + 1
    else high = middle
  }
  return null
}

/** Offsets from 2 GiB on stand in a table of their own behind the others. */
function offsetOf(read: Read, table: number, total: number, index: number): number {
  const near = read(table + index * 4, 4).readUInt32BE()
  return near < FAR ? near : Number(read(table + total * 4 + (near - FAR) * 8, 8).readBigUInt64BE())
}

const TYPES = [null, 'commit', 'tree', 'blob', 'tag'] as const
const OFFSET_DELTA = 6
const ID_DELTA = 7
/** More than the longest header, and what zlib may add to the smallest content. */
const HEAD_BYTES = 128

/** The object at an offset of a pack, with the bases that it is a difference from. */
function objectAt(read: Read, offset: number, idBytes: number, byId: (id: string) => GitObject): GitObject {
  const head = read(offset, HEAD_BYTES)
  let at = 0
  let byte = head[at++] ?? 0
  const type = (byte >> 4) & 7
  let size = byte & 15
  for (let shift = 4; byte & 0x80; shift += 7) {
    byte = head[at++] ?? 0
    size += (byte & 0x7f) * 2 ** shift
  }
  const inflated = (from: number): Buffer => inflateSync(read(offset + from, size + (size >>> 8) + HEAD_BYTES))
  if (type === OFFSET_DELTA) {
    byte = head[at++] ?? 0
    let back = byte & 0x7f
    while (byte & 0x80) {
      byte = head[at++] ?? 0
      back = (back + 1) * 128 + (byte & 0x7f)
    }
    return changed(objectAt(read, offset - back, idBytes, byId), inflated(at))
  }
  if (type === ID_DELTA) return changed(byId(head.toString('hex', at, at + idBytes)), inflated(at + idBytes))
  return { type: typeOf(TYPES[type] ?? undefined), content: inflated(at) }
}

/** Applies a delta: parts of the base, and bytes of its own. */
function changed({ type, content: base }: GitObject, delta: Buffer): GitObject {
  let at = 0
  const length = (): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = delta[at++] ?? 0
      value += (byte & 0x7f) * 2 ** shift
      if ((byte & 0x80) === 0) return value
    }
  }
  /** A number of which only the bytes named by the bits are there. */
  const sparse = (bits: number): number => {
    let value = 0
    for (let shift = 0; bits >> shift; shift += 1) if ((bits >> shift) & 1) value += (delta[at++] ?? 0) * 256 ** shift
    return value
  }
  if (length() !== base.length) throw new Error('a difference in a pack of git belongs to another object')
  const size = length()
  const parts: Buffer[] = []
  while (at < delta.length) {
    const command = delta[at++] ?? 0
    if (command & 0x80) {
      const from = sparse(command & 0x0f)
      parts.push(base.subarray(from, from + (sparse((command >> 4) & 0x07) || 0x1_0000)))
    } else {
      parts.push(delta.subarray(at, at + command))
      at += command
    }
  }
  const content = Buffer.concat(parts)
  if (content.length !== size) throw new Error('an object in a pack of git is damaged')
  return { type, content }
}
