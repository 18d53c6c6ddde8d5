/** A tenant's colour may be any: texts on it, and links in it, stay readable (WCAG 2.2, contrast of 4.5 to 1 for text). */

/** Relative luminance of `#rrggbb` (WCAG 2.2, definition). */
const luminance = (color: string): number => {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/** From 1 to 21. */
export const contrast = (one: string, other: string): number => {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a)
  return (light + 0.05) / (dark + 0.05)
}

const white = '#ffffff'
const ink = '#16202e'

/** Colour of a text on the colour: white where it can be read. */
export const textOn = (color: string): string => (contrast(color, white) >= 4.5 || contrast(color, white) > contrast(color, ink) ? white : ink)

/** The colour for texts on white, or ink where it is too light for that. */
export const readableOnWhite = (color: string): string => (contrast(color, white) >= 4.5 ? color : ink)
