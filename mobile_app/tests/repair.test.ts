import { expect, test } from 'vitest'
import { ApiProblem, toProblem } from '../src/api/problem'
import type { ConfigurationAnswer, Repair } from '../src/api/types'
import { complaints, drawingUri, repaired, said } from '../src/lib/repair'

const change = { option: 'cleaning', label: 'Cleaning', before: 'without', after: 'with', before_label: 'Without cleaning', after_label: 'With cleaning' }
const repair: Repair = { changes: [change], total_minor: 1250, currency: 'EUR' }

test('a repair changes what it names and nothing else', () => {
  const before = { cleaning: 'without', amount: 3 }
  expect(repaired(before, repair)).toEqual({ cleaning: 'with', amount: 3 })
  expect(before.cleaning).toBe('without')
})

test('a repair is said in the words of the product, with its price', () => {
  expect(said(repair)).toContain('Cleaning: With cleaning')
  expect(said(repair)).toContain('12.50')
  expect(said({ ...repair, changes: [change, { ...change, label: 'Cover', after_label: 'Standard cover' }] })).toContain(' and Cover: Standard cover')
})

test('rules and machines are complained of alike', () => {
  const answer = {
    violations: [{ rule: 'r', message: 'Not together.', options: [], values: {} }],
    manufacturability: [{ message: 'Too deep.', operation: 'o', machine: 'm', feature: 'f', limit: 'at most 4 mm', value: 5, options: [], values: {} }],
  } as unknown as ConfigurationAnswer
  expect(complaints(answer)).toEqual(['Not together.', 'Too deep.'])
})

test('a drawing cannot leave its place in the page', () => {
  const uri = drawingUri('<svg xmlns="http://www.w3.org/2000/svg"><title>"\'#<b></title></svg>')
  expect(uri).toMatch(/^data:image\/svg\+xml,[^"#<>\s]*$/)
  expect(decodeURIComponent(uri.slice(uri.indexOf(',') + 1))).toContain('<title>')
})

test('a refusal of a machine marks the option it names', () => {
  const problem = toProblem(422, { errors: [{ field: 'configuration.base', message: 'too thin', limit: 'at least 4 mm', value: 0 }] })
  expect(problem).toBeInstanceOf(ApiProblem)
  expect(problem.forField('base')).toBe('Too thin')
})
