import { expect, test } from 'vitest'
import readme from '../README.md?raw'

const files = import.meta.glob('../src/**/*.svelte', { query: '?raw', import: 'default', eager: true }) as Record<string, string>
const markup = (source: string): string => source.replace(/<(script|style)[\s\S]*?<\/\1>/g, '')

test.each(Object.keys(files))('%s speaks the language of people', (name) => {
  expect(markup(files[name]!)).not.toMatch(/\b(wallet|gas|token|blockchain|ethereum|crypto|mnemonic|nonce)\b/i)
})

test.each(Object.keys(files))('%s has no inline style, which the content security policy forbids', (name) => {
  expect(markup(files[name]!)).not.toMatch(/\sstyle="/)
})

test('the README lists every test id', () => {
  const ids = Object.values(files).flatMap((source) => [...markup(source).matchAll(/\b(?:data-)?testid="([a-z-]+)"/g)].map((match) => match[1]!))
  expect(ids.length).toBeGreaterThan(80)
  expect([...new Set(ids)].filter((id) => !readme.includes(`\`${id}\``))).toEqual([])
})
