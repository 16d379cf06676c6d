import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

/** The address of a running API, for `npm run dev` only. */
const API = 'http://127.0.0.1:8000'

export default defineConfig({
  // Relative addresses: the app works wherever the API mounts the folder.
  base: './',
  plugins: [svelte()],
  build: {
    outDir: '../mobile_api/static',
    emptyOutDir: true,
    target: 'es2022',
    // A data: address would need its own line in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/v1': API } },
})
