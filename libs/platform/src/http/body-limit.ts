/** How large a body may be. */
import { RouteConfig } from '@nestjs/platform-fastify'

/** Bytes that an operation takes when nothing else is said. */
export const defaultBodyLimit = 100 * 1024
/** Bytes that no operation may exceed. */
export const maxBodyLimit = 1024 * 1024

/** Lets one operation take larger bodies, up to 1 MiB: `@BodyLimit(maxBodyLimit)`. */
export const BodyLimit = (bytes: number): MethodDecorator => RouteConfig({ bodyLimit: Math.min(bytes, maxBodyLimit) })
