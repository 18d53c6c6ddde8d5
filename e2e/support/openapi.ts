/** The operations of an OpenAPI 3.1 document, flat. */
export interface Operation {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly query: readonly string[]
  readonly parameters: readonly string[]
  readonly bodySchema?: { readonly properties?: Record<string, unknown>; readonly required?: readonly string[] }
  /** A body that the schema takes, with the given id wherever an id may stand; undefined where no body is asked for. */
  readonly sampleBody: (id: string) => unknown
  /** Media type of the body. */
  readonly bodyType?: string
  /** Status → media types that the document promises. */
  readonly answers: Readonly<Record<string, readonly string[]>>
  /** An endpoint of the OpenID provider, whose errors follow RFC 6749. */
  readonly oauth: boolean
  /** Works without an access token. */
  readonly isPublic: boolean
}

export const operationsOf = (document: any): Operation[] => {
  const resolve = (schema: any): any =>
    typeof schema?.$ref === 'string'
      ? resolve(
          schema.$ref
            .slice(2)
            .split('/')
            .reduce((node: any, key: string) => node?.[key], document),
        )
      : schema
  return Object.entries<any>(document.paths).flatMap(([path, item]) =>
    Object.entries<any>(item)
      .filter(([method]) => ['get', 'post', 'put', 'patch', 'delete'].includes(method))
      .map(([method, operation]) => {
        const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(resolve)
        const body = operation.requestBody && resolve(operation.requestBody)
        const schema = body && resolve(Object.values<any>(body.content ?? {})[0]?.schema)
        return {
          id: operation.operationId,
          method: method.toUpperCase(),
          path,
          query: parameters.filter((one) => one.in === 'query').map((one) => one.name as string),
          parameters: parameters.filter((one) => one.in === 'path').map((one) => one.name as string),
          ...(schema ? { bodySchema: schema.properties ? schema : ((schema.oneOf ?? schema.anyOf)?.map(resolve)?.[0] ?? schema) } : {}),
          sampleBody: (id: string) => (body ? sampleOf(Object.values<any>(body.content ?? {})[0]?.schema ?? {}, resolve, id) : undefined),
          ...(body ? { bodyType: Object.keys(body.content)[0] as string } : {}),
          answers: Object.fromEntries(Object.entries<any>(operation.responses).map(([status, answer]) => [status, Object.keys(resolve(answer).content ?? {})])),
          oauth: operation.operationId.startsWith('identity.provider.'),
          isPublic: Array.isArray(operation.security) && operation.security.length === 0,
        }
      }),
  )
}

const texts = ['sample', 'sample-key', 'Sample', 'sample@example.org', 'https://example.org/', '2026-01-01', '+441632960983', 'en', 'a'.repeat(43), '1']

/** The smallest value that a schema takes; where a text may be an id, it is the given one. */
const sampleOf = (given: any, resolve: (schema: any) => any, id: string): unknown => {
  const schema = resolve(given)
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum[0]
  const choices = schema.anyOf ?? schema.oneOf
  if (choices) return sampleOf(choices[0], resolve, id)
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case 'string': {
      const fits = (text: string): boolean =>
        (schema.pattern === undefined || new RegExp(schema.pattern, 'u').test(text)) &&
        text.length >= (schema.minLength ?? 0) &&
        text.length <= (schema.maxLength ?? 1000)
      return [...(schema.format === undefined ? [id] : []), ...texts].find(fits) ?? id
    }
    case 'integer':
    case 'number':
      return Math.max(schema.minimum ?? 1, 1)
    case 'boolean':
      return false
    case 'array':
      return Array.from({ length: Math.max(schema.minItems ?? 0, 1) }, () => sampleOf(schema.items ?? {}, resolve, id))
    case 'object':
      return Object.fromEntries(
        (schema.required ?? []).map((name: string) => [name, name === 'email' ? 'sample@example.org' : sampleOf(schema.properties?.[name] ?? {}, resolve, id)]),
      )
    default:
      return {}
  }
}
