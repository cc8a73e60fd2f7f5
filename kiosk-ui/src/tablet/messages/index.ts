import en from './en'
import zh from './zh'

/** Every word of the tablet's own; questions, rules and names come over the wire. */
export const messages = { zh, en }
