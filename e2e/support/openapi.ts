/** The operations of an OpenAPI 3.1 document, flat. */
export interface Operation {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly query: readonly string[]
  readonly parameters: readonly string[]
  readonly bodySchema?: { readonly properties?: Record<string, unknown>; readonly required?: readonly string[] }
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
          ...(body ? { bodyType: Object.keys(body.content)[0] as string } : {}),
          answers: Object.fromEntries(Object.entries<any>(operation.responses).map(([status, answer]) => [status, Object.keys(resolve(answer).content ?? {})])),
          oauth: operation.operationId.startsWith('identity.provider.'),
          isPublic: Array.isArray(operation.security) && operation.security.length === 0,
        }
      }),
  )
}
