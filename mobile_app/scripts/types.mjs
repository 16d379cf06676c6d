// Writes src/api/schema.d.ts from the API's own description. The copy beside package.json serves until the
// repository's docs/openapi.json exists.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(dirname(fileURLToPath(import.meta.url)))
const published = join(here, '..', 'docs', 'openapi.json')
const source = existsSync(published) ? published : join(here, 'openapi.json')
const tool = join(here, 'node_modules', 'openapi-typescript', 'bin', 'cli.js')
execFileSync(process.execPath, [tool, source, '-o', join(here, 'src', 'api', 'schema.d.ts')], { stdio: 'inherit' })
