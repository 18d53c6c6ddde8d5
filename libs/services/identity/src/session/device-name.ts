import bowser from 'bowser'

/** `Firefox on Linux` from a User-Agent header; undefined where it says nothing. */
export const deviceName = (agent: string | undefined): string | undefined => {
  if (!agent) return undefined
  const { browser, os } = bowser.parse(agent)
  const parts = [browser.name, os.name].filter(Boolean)
  return parts.length > 0 ? parts.join(' on ') : agent.split(/[/ ]/, 1)[0]
}
