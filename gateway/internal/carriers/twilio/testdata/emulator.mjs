// Runs emulate's Twilio on a port until its input ends.
// Usage: node emulator.mjs <module> <port> <seed as JSON>
import { pathToFileURL } from 'node:url'

const [module, port, seed] = process.argv.slice(2)
const { createEmulator } = await import(pathToFileURL(module).href)
const emulator = await createEmulator({ service: 'twilio', port: Number(port), seed: { twilio: JSON.parse(seed) } })
console.log('ready')
process.stdin.on('end', () => emulator.close().finally(() => process.exit(0))).resume()
