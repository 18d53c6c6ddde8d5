// Jars by Maven: what a pom asks for, with everything below it, in one folder.
import { readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fetchToEnd } from './process.mjs'

const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'

export const copyJars = (pom, folder) => fetchToEnd('mvn', ['-q', '-B', '-f', pom, plugin, '-DincludeScope=runtime', `-DoutputDirectory=${folder}`])

/** The class path in a fixed order: an archive of classes is only valid for the very same one. */
export const classPath = (folder) =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.jar'))
    .toSorted()
    .map((file) => join(folder, file))
    .join(delimiter)
