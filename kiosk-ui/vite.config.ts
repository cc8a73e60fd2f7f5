import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import vue from '@vitejs/plugin-vue'
import type { Plugin } from 'vite'
import { VitePWA } from 'vite-plugin-pwa'
import { defineConfig } from 'vitest/config'

/** What the tablet page and the phone page may weigh: all of their JavaScript, gzipped. */
const TABLET_BUDGET_BYTES = 90_000
const PHONEPAGE_BUDGET_BYTES = 60_000

const page = (name: string) => fileURLToPath(new URL(`./${name}.html`, import.meta.url))

/** Where the build goes, as the build itself says. */
let outDir = 'dist'

/** Files of the tablet page in there, filled by the build: what works without network. */
const tabletFiles = new Set<string>(['tablet.html', 'tablet.webmanifest', 'icons/qingfeng.svg', 'icons/qingfeng-192.png', 'icons/qingfeng-512.png'])

type Bundle = Parameters<Extract<NonNullable<Plugin['generateBundle']>, (...args: never[]) => unknown>>[1]

/** Visits every file of a page and says what its scripts weigh, gzipped. */
function weigh(bundle: Bundle, page: string, visited: Set<string>): number {
  const entry = Object.values(bundle).find((file) => file.type === 'chunk' && file.isEntry && file.name === page)
  let script = 0
  const visit = (name: string) => {
    const file = bundle[name]
    if (!file || visited.has(name)) return
    visited.add(name)
    if (file.type !== 'chunk') return
    script += gzipSync(file.code).length
    for (const next of [...file.imports, ...file.dynamicImports]) visit(next)
    const { importedCss, importedAssets } = file.viteMetadata ?? {}
    for (const next of [...(importedCss ?? []), ...(importedAssets ?? [])]) visited.add(next)
  }
  if (entry) visit(entry.fileName)
  return script
}

/** Finds what the tablet page is made of, and refuses a build in which it or the phone page has grown too heavy. */
function patientPages(): Plugin {
  return {
    name: 'qingfeng-patient-pages',
    apply: 'build',
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir)
    },
    generateBundle(_options, bundle) {
      const pages = [
        { name: 'tablet', budget: TABLET_BUDGET_BYTES, files: tabletFiles },
        { name: 'phonepage', budget: PHONEPAGE_BUDGET_BYTES, files: new Set<string>() },
      ]
      for (const { name, budget, files } of pages) {
        const script = weigh(bundle, name, files)
        console.log(`${name}: ${(script / 1000).toFixed(1)} kB of JavaScript gzipped, budget ${budget / 1000} kB`)
        if (script === 0 || script > budget) this.error(`the page ${name} is outside its budget`)
      }
    },
  }
}

export default defineConfig({
  plugins: [
    vue(),
    patientPages(),
    VitePWA({
      strategies: 'injectManifest',
      srcDir: 'src/tablet/sw',
      filename: 'tablet-sw.ts',
      injectRegister: false,
      manifest: false,
      injectManifest: {
        globPatterns: ['tablet.html', 'tablet.webmanifest', 'icons/*', 'assets/*'],
        manifestTransforms: [
          (entries) => ({
            manifest: entries
              .filter((entry) => tabletFiles.has(entry.url))
              .map((entry) => ({
                url: entry.url === 'tablet.html' ? '/tablet' : `/${entry.url}`,
                revision: entry.revision,
                size: entry.size,
                integrity: `sha256-${createHash('sha256').update(readFileSync(resolve(outDir, entry.url))).digest('base64')}`,
              })),
            warnings: [],
          }),
        ],
      },
    }),
  ],
  define: {
    __VUE_OPTIONS_API__: 'false',
    __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
    __VUE_I18N_LEGACY_API__: 'false',
    __VUE_I18N_FULL_INSTALL__: 'false',
    __INTLIFY_PROD_DEVTOOLS__: 'false',
  },
  build: {
    target: 'es2022',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { tablet: page('tablet'), board: page('board'), desk: page('desk'), operator: page('operator'), phones: page('phones'), phonepage: page('phonepage') },
    },
  },
  server: {
    proxy: {
      '/api': 'http://127.0.0.1:8080',
      '/ws': { target: 'http://127.0.0.1:8080', ws: true },
    },
  },
  test: { environment: 'happy-dom', include: ['src/**/*.test.ts'] },
})
