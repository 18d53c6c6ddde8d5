// Watches the folders of a tree one by one. Node's own recursive watch follows files on Linux, and loses one that an editor or git replaces.
import { existsSync, readdirSync, watch } from 'node:fs'
import { join, sep } from 'node:path'

const skipped = new Set(['node_modules', 'dist'])

/** Calls back with the path of whatever changes below a folder, folders made later included. Returns how to stop. */
export function watchTree(root, onChange) {
  const watchers = new Map()
  const add = (folder) => {
    if (watchers.has(folder)) return
    try {
      const watcher = watch(folder, (event, name) => {
        if (!name || skipped.has(name)) return
        const path = join(folder, name)
        // A folder that goes and comes back under its name is another one.
        if (event === 'rename') drop(path)
        add(path)
        onChange(path)
      })
      watcher.on('error', () => drop(folder))
      watchers.set(folder, watcher)
      for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory() && !skipped.has(entry.name)) add(join(folder, entry.name))
    } catch {
      // A file, or gone again.
      drop(folder)
    }
  }
  const drop = (gone) => {
    for (const [folder, watcher] of watchers) {
      if (folder !== gone && !folder.startsWith(gone + sep)) continue
      watcher.close()
      watchers.delete(folder)
    }
  }
  if (existsSync(root)) add(root)
  return () => [...watchers.keys()].forEach(drop)
}
