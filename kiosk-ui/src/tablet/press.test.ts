import { beforeEach, describe, expect, it, vi } from 'vitest'
import { listenForPress } from './press'

describe('a press', () => {
  let key: HTMLElement
  const pressed = vi.fn()

  beforeEach(() => {
    pressed.mockReset()
    key = document.createElement('button')
    document.body.append(key)
    vi.spyOn(key, 'getBoundingClientRect').mockReturnValue(new DOMRect(0, 0, 100, 100))
    listenForPress(key, pressed)
  })

  const pointer = (type: string, x = 50, y = 50) =>
    key.dispatchEvent(new PointerEvent(type, { pointerId: 1, clientX: x, clientY: y, button: 0 }))

  it('is heard once, its echo as a click is not', () => {
    pointer('pointerdown')
    pointer('pointerup')
    key.dispatchEvent(new MouseEvent('click'))
    expect(pressed).toHaveBeenCalledTimes(1)
  })

  it('is heard of an unsteady finger, not of one that slid away', () => {
    pointer('pointerdown')
    pointer('pointerup', 115)
    expect(pressed).toHaveBeenCalledTimes(1)
    pointer('pointerdown')
    pointer('pointerup', 150)
    expect(pressed).toHaveBeenCalledTimes(1)
  })

  it('is not heard of a finger that came from elsewhere, or was taken by a gesture', () => {
    pointer('pointerup')
    pointer('pointerdown')
    pointer('pointercancel')
    pointer('pointerup')
    expect(pressed).not.toHaveBeenCalled()
  })

  it('is heard of keyboard and assistive technology', () => {
    key.click()
    expect(pressed).toHaveBeenCalledTimes(1)
  })

  it('keeps the late click of a touch from the next screen, even after the key is gone', () => {
    const other = document.createElement('button')
    const end = listenForPress(other, pressed)
    end()
    const touch = new Event('touchend', { cancelable: true })
    other.dispatchEvent(touch)
    expect(touch.defaultPrevented).toBe(true)
    other.click()
    expect(pressed).not.toHaveBeenCalled()
  })
})
