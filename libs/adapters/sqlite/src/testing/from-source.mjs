/** Lets Node run a TypeScript file of the workspace: imports that end with .js are looked up as .ts. */
import { registerHooks } from 'node:module'

registerHooks({
  resolve: (name, context, next) => {
    const fromTypeScript = context.parentURL?.endsWith('.ts')
    return next(fromTypeScript && name.startsWith('.') ? name.replace(/\.js$/, '.ts') : name, context)
  },
})
