import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Api } from './apis.ts'
import * as apis from './apis.ts'
import * as wire from './codec.ts'

const layouts = fc.record({ version: fc.integer({ min: 0, max: 13 }), flexible: fc.boolean() })
const everything = wire.struct({
  int8: wire.int8,
  int16: wire.int16,
  int32: wire.int32,
  uint16: wire.uint16,
  int64: wire.int64,
  bool: wire.bool,
  uuid: wire.uuid,
  string: wire.string,
  nullable: wire.nullableString,
  bytes: wire.bytes,
  maybe: wire.nullableStruct(wire.struct({ topic: wire.string, partition: wire.int32 })),
  list: wire.array(wire.struct({ id: wire.int32, names: wire.nullableArray(wire.string) })),
})
const values = fc.record({
  int8: fc.integer({ min: -128, max: 127 }),
  int16: fc.integer({ min: -32_768, max: 32_767 }),
  int32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  uint16: fc.integer({ min: 0, max: 65_535 }),
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  bool: fc.boolean(),
  uuid: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
  string: fc.string({ unit: 'binary' }),
  nullable: fc.option(fc.string({ unit: 'binary' })),
  bytes: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  maybe: fc.option(fc.record({ topic: fc.string(), partition: fc.integer() })),
  list: fc.array(fc.record({ id: fc.integer(), names: fc.option(fc.array(fc.string())) })),
})

describe('the codec', () => {
  test('what is written is read back, in plain and in flexible versions, to the last byte', () => {
    fc.assert(
      fc.property(values, layouts, (value, layout) => {
        const reader = new wire.Reader(wire.encode(everything, value, layout))
        expect(everything.read(reader, layout)).toEqual(value)
        expect(reader.left).toBe(0)
      }),
    )
  })

  const known: readonly Api<unknown, unknown>[] = [
    apis.apiVersions,
    apis.metadata,
    apis.describeCluster,
    apis.describeConfigs,
    apis.describeQuorum,
    apis.describeTopicPartitions,
    apis.listPartitionReassignments,
    apis.saslAuthenticate,
    apis.saslHandshake,
  ]

  test.each(known.map((api) => [api.name, api] as const))(
    '%s: bytes that lie are a MalformedResponseError, whatever they claim',
    (_, api) => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), layouts, (bytes, layout) => {
          try {
            api.response.read(new wire.Reader(Buffer.from(bytes)), layout)
          } catch (error) {
            expect(error).toBeInstanceOf(wire.MalformedResponseError)
          }
        }),
      )
    },
  )

  test('a field of other versions is not on the wire and reads as its substitute', () => {
    const field = wire.struct({ always: wire.int8, later: wire.since(3, wire.int8, -1) })
    const value = { always: 1, later: 7 }
    for (const [version, length, later] of [
      [2, 1, -1],
      [3, 2, 7],
    ] as const) {
      const bytes = wire.encode(field, value, { version, flexible: false })
      expect(bytes).toHaveLength(length)
      expect(field.read(new wire.Reader(bytes), { version, flexible: false })).toEqual({ always: 1, later })
    }
  })

  test('tagged fields of newer brokers are skipped', () => {
    // One tag (number 5, three bytes), then the next value.
    const reader = new wire.Reader(Buffer.from([7, 1, 5, 3, 0xaa, 0xbb, 0xcc, 9]))
    expect(wire.struct({ id: wire.int8 }).read(reader, { version: 9, flexible: true })).toEqual({ id: 7 })
    expect(wire.int8.read(reader, { version: 9, flexible: true })).toBe(9)
  })
})
