import { expect, test } from 'vitest'
import { keepLargeIntegers } from '../src/api/json'
import { toProblem } from '../src/api/problem'
import { EventParser } from '../src/api/sse'
import { traceparent } from '../src/api/trace'
import type { TimelineItem } from '../src/api/types'
import { grouped, lineLabel, money, parseMoney, share } from '../src/lib/format'
import { operations, titleOf } from '../src/lib/production'
import { aboutCustomer, road } from '../src/lib/status'

test('large integers arrive as texts, everything else as it was', () => {
  const text = '{"a":115792089237316195423570985008687907853269984665640564039457584007913129639935,"b":9007199254740991,"c":"12345678901234567890","d":1.2345678901234567,"e":"\\"99999999999999999999\\""}'
  const read = JSON.parse(keepLargeIntegers(text)) as Record<string, unknown>
  expect(read['a']).toBe((2n ** 256n - 1n).toString())
  expect(read['b']).toBe(9007199254740991)
  expect(read['c']).toBe('12345678901234567890')
  expect(read['d']).toBe(1.2345678901234567)
  expect(read['e']).toBe('"99999999999999999999"')
})

test('a trace begins as the standard says, and each one anew', () => {
  const [first, second] = [traceparent(), traceparent()]
  expect(first).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  expect(first).not.toBe(second)
})

test('events are whole however the stream is cut', () => {
  const stream = ': beat\n\nevent: timeline\nid: 7\ndata: {"a":\ndata: 1}\n\nid: 8\r\ndata:x\r\n\r\n: beat\n\n'
  for (let cut = 1; cut < stream.length; cut++) {
    const parser = new EventParser()
    const events = [...parser.push(stream.slice(0, cut)), ...parser.push(stream.slice(cut))]
    expect(events).toEqual([
      { id: '7', event: 'timeline', data: '{"a":\n1}' },
      { id: '8', event: 'message', data: 'x' },
    ])
  }
})

test('a problem names its field whatever the path', () => {
  const problem = toProblem(422, { detail: 'No.', errors: [{ field: 'configuration.engraving', message: 'Too long.' }] })
  expect(problem.forField('engraving')).toBe('Too long.')
  expect(problem.forField('amount')).toBeUndefined()
  expect(toProblem(503, '<html>').message).toContain('went wrong')
})

test('money is written and read without floats', () => {
  expect(money(60000)).toBe('€ 600.00')
  expect([share(9000), share(15), share(0)]).toEqual(['90 %', '0.15 %', '0 %'])
  expect(money(123456789)).toBe('€ 1,234,567.89')
  expect(money(-5)).toBe('−€ 0.05')
  expect(['1,234.50', '1234,5', '€ 12', '0.07', '1.234'].map(parseMoney)).toEqual([123450, 123450, 1200, 7, 123400])
  expect(['', 'x', '1e5', '1.2345', '-1', 'NaN', '99999999999999999999'].map(parseMoney)).toEqual([null, null, null, null, null, null, null])
})

test('a code is read aloud in fours', () => {
  expect(grouped('0x0123456789ab')).toBe('0123 4567 89ab')
})

test('an order on the road knows its step, one that left it has none', () => {
  expect(road('quoted')?.at).toBe(1)
  expect(road('settled')?.at).toBe(6)
  expect(road('refunded')).toBeNull()
})

test('production is one line for each operation, its newest', () => {
  const step = (id: number, title: string, done: number, of: number): TimelineItem => ({
    id, name: 'ProductionProgressed', title, detail: '', at: '2026-12-01T09:00:00Z', vouched_by: null, reported_by: 'machine', progress: { done, of },
  })
  const items = [step(5, 'Bases: bases', 3, 3), step(2, 'Bases: feeding', 1, 3), step(3, 'Covers: production started', 0, 0)]
  expect(operations(items)).toEqual([
    { name: 'Bases', step: 'Finished', done: 3, of: 3, finished: true, by: 'machine' },
    { name: 'Covers', step: 'Production started', done: 0, of: 0, finished: false, by: 'machine' },
  ])
  expect(items.map(titleOf)).toEqual(['Bases: finished', 'Bases: feeding', 'Covers: production started'])
})

test('a price line says each thing once', () => {
  expect(lineLabel('Base: Base 40 mm')).toBe('Base 40 mm')
  expect(lineLabel('Drilling: 3 s')).toBe('Drilling: 3 s')
  expect(lineLabel('Assembly, piston and seals')).toBe('Assembly, piston and seals')
})

test('what speaks to the customer speaks about the customer to others', () => {
  expect(aboutCustomer('You accepted the delivery')).toBe('The customer accepted the delivery')
  expect(aboutCustomer('confirmed by you')).toBe('confirmed by the customer')
  expect(aboutCustomer('confirmed by your handover code or the carrier')).toBe('confirmed by the handover code or the carrier')
  expect(aboutCustomer('Youth signed')).toBe('Youth signed')
})
