/** How often a system is brought down on what it kept: rounds on one folder are a history, and the long form has two of them side by side. */
const long = process.env.PAVAN_LONG === '1'

export const rounds = long ? 10 : 3
export const histories = long ? ['first', 'second'] : ['only']
