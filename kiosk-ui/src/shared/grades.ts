import type { Grade, Text } from './wire'

/** The five grades, worst first. */
export const GRADES: readonly Grade[] = [1, 2, 3, 4, 5]

const WORDS: Record<Grade, Text> = {
  1: { zh: '非常不满意', en: 'Very dissatisfied' },
  2: { zh: '不满意', en: 'Dissatisfied' },
  3: { zh: '基本满意', en: 'Fairly satisfied' },
  4: { zh: '满意', en: 'Satisfied' },
  5: { zh: '非常满意', en: 'Very satisfied' },
}

/** The grade's words in both languages. */
export function gradeText(grade: Grade): Text {
  return WORDS[grade]
}

/** Worst to best, or best to worst on a mirrored device. */
export function gradeOrder(mirrored: boolean): Grade[] {
  return mirrored ? [...GRADES].reverse() : [...GRADES]
}

/** A low grade opens a call-back. */
export function isLow(grade: Grade): boolean {
  return grade <= 2
}

export function isGrade(n: number): n is Grade {
  return Number.isInteger(n) && n >= 1 && n <= 5
}
