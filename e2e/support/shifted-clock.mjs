// Loaded before a program (`node --import`): its clock is PAVAN_SPEC_CLOCK_MS ahead, or behind when negative.
const shift = Number(process.env.PAVAN_SPEC_CLOCK_MS ?? 0)
const RealDate = Date
const now = () => RealDate.now() + shift
globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(now())
    else super(...given)
  }
  static now() {
    return now()
  }
}
