/** A small whole service for the platform's own specs: one aggregate, one view, one reaction, a few operations. */
import { Body, Controller, Get, Inject, Injectable, Param, Post, Put, Res } from '@nestjs/common'
import { defineEvent, type EventOf } from '@pavan/contracts'
import { orThrow, refuse, RefusalError, release, take, type Decider } from '@pavan/kernel'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { defineReaction, type ReactionHandler } from '../bus/define-reaction.js'
import { Aggregates, type Aggregate } from '../events/aggregates.js'
import { Answers } from '../http/answers.js'
import { Caller, type CallerIdentity } from '../http/caller.js'
import { answerPosition, Command, type CommandEnvelope } from '../http/command.js'
import { answerEtag, IfMatch } from '../http/etag.js'
import { Public, SignedIn } from '../http/public.js'
import { defineService } from '../service/define-service.js'
import { patch, put, rowKey } from '../views/changes.js'
import { defineView } from '../views/define-view.js'
import { defineTable, Rows } from '../views/rows.js'

export const noteWritten = defineEvent('note.written', 'A note was written.', {
  data: z.object({ title: z.string(), author: z.string() }),
  personal: z.object({ text: z.string() }),
  secret: z.object({ pin: z.string() }).partial(),
})
export const noteRenamed = defineEvent('note.renamed', 'A note got another title.', { data: z.object({ title: z.string() }) })
type NoteEvent = EventOf<typeof noteWritten> | EventOf<typeof noteRenamed>

export type NoteCommand =
  | { readonly type: 'write'; readonly title: string; readonly author: string; readonly text: string }
  | { readonly type: 'rename'; readonly title: string }
export interface NoteState {
  readonly title?: string
  readonly text?: string
  readonly renames: number
}

export const note: Decider<NoteCommand, NoteEvent, NoteState> = {
  category: 'note',
  initial: { renames: 0 },
  decide(command, state) {
    if (command.type === 'write') {
      if (state.title !== undefined) return refuse('notes.note.exists')
      return [noteWritten.of({ data: { title: command.title, author: command.author }, personal: { text: command.text }, secret: {} })]
    }
    if (state.title === undefined) return refuse('notes.note.unknown')
    return state.title === command.title ? [] : [noteRenamed.of({ data: { title: command.title } })]
  },
  evolve: (state, event) =>
    event.type === 'note.written'
      ? { ...state, title: event.data.title, text: event.personal?.text }
      : { ...state, title: event.data.title, renames: state.renames + 1 },
  claims: (event, before) => [...(before.title === undefined ? [] : [release('title', before.title)]), take('title', event.data.title)],
}

export interface NoteRow {
  readonly tenant: string
  readonly id: string
  readonly title: string
  readonly author: string
  readonly personal?: { readonly text: string }
}
export const notes = defineTable<NoteRow>({
  name: 'notes',
  version: 1,
  durability: 'rebuildable',
  indexes: { byAuthor: ['tenant', 'author'] },
  personal: { field: 'personal', tenant: 'tenant', subject: 'author' },
})
const contexts = ['notes']
export const notesView = defineView({
  name: 'notes',
  version: 1,
  tables: [notes],
  on: [
    {
      type: noteWritten,
      contexts,
      handle: (event: any) => [put(notes, rowKey(event), { tenant: event.stream.tenant, id: event.stream.id, ...event.data, personal: event.personal })],
    },
    { type: noteRenamed, contexts, handle: (event: any) => [patch(notes, rowKey(event), { title: event.data.title })] },
  ],
})

/** What the reaction does; a spec changes it. */
@Injectable()
export class Copier {
  run: ReactionHandler = async () => {}
}

const copyNotes = defineReaction({
  name: 'copy-notes',
  inject: [Copier],
  with: (copier: Copier) => [{ type: noteWritten, contexts, handle: (event: any, command: any) => copier.run(event, command) }],
})

const newNote = z.object({ title: z.string().max(60), text: z.string().max(1000) })
const renamed = z.object({ title: z.string().max(60) })
const shown = z.object({ id: z.string(), title: z.string(), version: z.number().int() })

@Injectable()
export class Notes {
  readonly aggregate: Aggregate<NoteCommand, NoteEvent, NoteState>
  /** How often a handler of a write ran. */
  runs = 0
  /** Awaited before a write; a spec holds requests here. */
  gate: Promise<void> = Promise.resolve()
  /** Thrown after a write has happened, before its answer is kept. */
  accident: Error | undefined

  constructor(@Inject(Aggregates) aggregates: Aggregates) {
    this.aggregate = aggregates.of(note, { events: [noteWritten, noteRenamed], claimTaken: { title: 'notes.title.taken' } })
  }
}

@Controller('/api/v1/notes')
class NotesController {
  constructor(
    @Inject(Notes) private readonly all: Notes,
    @Inject(Rows) private readonly rows: Rows,
  ) {}

  @Post()
  @SignedIn()
  @Answers(201, shown)
  async write(
    @Caller() caller: CallerIdentity,
    @Command() command: CommandEnvelope,
    @Body({ schema: newNote }) body: z.output<typeof newNote>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    this.all.runs++
    await this.all.gate
    const id = command.newId('event')
    const context = { tenant: caller.tenant, id, meta: command.meta, subject: caller.subject.id }
    const handled = orThrow(await this.all.aggregate.handle(context, { type: 'write', author: caller.subject.id, ...body }))
    if (this.all.accident) throw this.all.accident
    answerPosition(reply, handled.position)
    answerEtag(reply, handled.version)
    void reply.header('location', `/api/v1/notes/${id}`)
    return { id, title: body.title, version: handled.version }
  }

  @Put(':id')
  @SignedIn()
  @Answers(200, shown)
  async rename(
    @Caller() caller: CallerIdentity,
    @Command() command: CommandEnvelope,
    @Param('id', { schema: z.string().max(60) }) id: string,
    @IfMatch({ required: true }) expected: number | undefined,
    @Body({ schema: renamed }) body: z.output<typeof renamed>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const options = expected === undefined ? {} : { expected }
    const handled = orThrow(await this.all.aggregate.handle({ tenant: caller.tenant, id, meta: command.meta }, { type: 'rename', ...body }, options))
    answerEtag(reply, handled.version)
    answerPosition(reply, handled.position)
    return { id, title: body.title, version: handled.version }
  }

  @Get(':id')
  @SignedIn()
  async read(@Caller() caller: CallerIdentity, @Param('id', { schema: z.string().max(60) }) id: string) {
    const row = await this.rows.get(notes, `${caller.tenant}/${id}`)
    if (!row) throw new RefusalError('notes.note.unknown')
    return row
  }

  @Get('open/door')
  @Public()
  door() {
    return { open: true }
  }
}

export const notesService = defineService({
  name: 'notes',
  title: 'Notes',
  controllers: [NotesController],
  providers: [Notes, Copier],
  views: [notesView],
  reactions: [copyNotes],
  routes: ['/api/v1/notes'],
  problems: {
    'notes.note.exists': { status: 409, title: 'The note exists', detail: 'Take another id.' },
    'notes.note.unknown': { status: 404, title: 'There is no such note', detail: 'Look for another.' },
    'notes.title.taken': { status: 409, title: 'The title is taken', detail: 'Take another title.' },
  },
  purge: [{ table: notes, index: 'byAuthor', where: (tenant, author) => ({ tenant, author }) }],
})
