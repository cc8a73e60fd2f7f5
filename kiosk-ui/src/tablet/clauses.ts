/** A sentence cut after its marks, so that a line breaks there before it breaks inside a word. English is left whole. */
export function clauses(text: string): string[] {
  return text.split(/(?<=[，、？；。])(?=.)/)
}
