// Builds the board alone into a folder of its own, serves it under the gateway's
// content security policy, and opens it in the system's Chromium.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { chromium } from 'playwright-core'
import { build, preview } from 'vite'

const root = fileURLToPath(new URL('..', import.meta.url))
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'self'"

/** The built board at an address of its own; call `close` when done. */
export async function openBoard() {
  const outDir = await mkdtemp(join(tmpdir(), 'qingfeng-board-'))
  const shared = { root, configFile: false, logLevel: 'warn', plugins: [vue()] }
  await build({
    ...shared,
    build: {
      outDir,
      emptyOutDir: true,
      target: 'es2022',
      modulePreload: { polyfill: false },
      rolldownOptions: { input: join(root, 'board.html') },
    },
  })
  const server = await preview({
    ...shared,
    build: { outDir },
    preview: { port: 0, host: '127.0.0.1', headers: { 'Content-Security-Policy': policy } },
  })
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  })
  const { port } = server.httpServer.address()
  return {
    browser,
    url: `http://127.0.0.1:${port}/board.html`,
    async close() {
      await browser.close()
      await server.close()
      await rm(outDir, { recursive: true, force: true })
    },
  }
}

/** A page of the board at a size, in a language and theme, its choices already made. */
export async function boardPage(browser, { width, height, language = 'zh', theme = 'day' }) {
  const context = await browser.newContext({ viewport: { width, height }, locale: 'zh-CN' })
  await context.addInitScript(
    ([l, t]) => {
      localStorage.setItem('qingfeng.board.language', l)
      localStorage.setItem('qingfeng.board.theme', t)
    },
    [language, theme],
  )
  const page = await context.newPage()
  return page
}
