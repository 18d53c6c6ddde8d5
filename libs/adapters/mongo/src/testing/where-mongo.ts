/** Specs that need a server run where MONGODB_URL names one, and say so in one line where not. */
export const whereMongo = (name: string, specs: (url: string) => void): void => {
  const url = process.env.MONGODB_URL
  if (url) describe(name, () => specs(url))
  else describe.skip(name, () => test('needs a MongoDB server: set MONGODB_URL', () => undefined))
}
