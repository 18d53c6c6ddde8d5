/**
 * A discrete-event simulation of many copies of one service. A command comes to any copy, which stores its commit and numbers it in the log of
 * its partition; the copy that holds the lease of the partition carries the log to the bus; one view applies it. What it takes from measurement is
 * in `parameters`. It assumes that database and broker have room, so that their answers take as long as measured whatever the number of workers:
 * shards and brokers are added until that is so.
 *
 * The rules are those of the code. Numbering (partition-log.ts): of the copies that take a partition's next number only the first one has it, the
 * others read what is new, wait by jitter and try again; what waits in a copy goes together. Hints (leases.ts): the holder looks often for what
 * others have numbered while there is something, seldom while there is nothing. Publishing (relay.ts): one batch of a partition at a time,
 * some partitions side by side. The view (event-consumer.ts): one batch at a time in each copy.
 */

import { quickest, slowest } from '../../libs/adapters/mongo/dist/leases.js'

/** Mulberry32: the same seed gives the same run. */
export const randomOf = (seed) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Times whose median and 99th percentile are those given, log-normal: services have long tails. */
const times = (random, [p50, p99]) => {
  const sigma = Math.log(Math.max(1, p99 / p50)) / 2.3263
  return () => p50 * Math.exp(sigma * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()))
}

/** What is to happen next, by time: a binary heap. */
class Agenda {
  #items = []
  get size() {
    return this.#items.length
  }
  add(at, run) {
    const items = this.#items
    let i = items.push({ at, run }) - 1
    while (i > 0) {
      const up = (i - 1) >> 1
      if (items[up].at <= items[i].at) break
      ;[items[up], items[i]] = [items[i], items[up]]
      i = up
    }
  }
  take() {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (items.length > 0) {
      items[0] = last
      for (let i = 0; ;) {
        const left = 2 * i + 1
        const least = left + 1 < items.length && items[left + 1].at < items[left].at ? left + 1 : left
        if (least >= items.length || items[least].at >= items[i].at) break
        ;[items[least], items[i]] = [items[i], items[least]]
        i = least
      }
    }
    return first
  }
}

const mostAtOnce = 500
/** Milliseconds that a copy which was beaten waits at most (`jitter(1)` of retry.ts). */
const longestWait = 10
/** Milliseconds until a copy that is silent has lost its partitions (leases.ts). */
const goneAfter = 3_000

/**
 * `rate` commands a second for `seconds`, each one event. `parameters` in milliseconds: `storeMs`, `numberMs`, `findMs`, `fetchMs` are [p50, p99];
 * `readMs`, `sendMs`, `applyMs` are {base: [p50, p99], each}; `relayLanes` is a number.
 * `sticky`: the share of commands that come to the holder of their partition, as with a router that knows it; otherwise any copy.
 * `skew` 1 sends half of everything to a tenth of the partitions. `dies` takes a copy away in the middle.
 * Answers times in milliseconds: from asked to acknowledged, from acknowledged to visible; and attempts for each numbering that went through.
 */
export const simulate = ({ partitions, workers, rate, seconds, parameters, sticky = 0, skew = 0, dies = false, seed = 1 }) => {
  const random = randomOf(seed)
  const agenda = new Agenda()
  const after = (delay, run) => agenda.add(now + delay, run)
  const draw = Object.fromEntries(['storeMs', 'numberMs', 'findMs', 'fetchMs'].map((name) => [name, times(random, parameters[name])]))
  const [readTime, sendTime, applyTime] = ['readMs', 'sendMs', 'applyMs'].map((name) => {
    const time = times(random, parameters[name].base)
    return (count) => time() + parameters[name].each * count
  })
  const dead = new Set()
  let now = 0
  let [asked, rounds, wins] = [0, 0, 0]
  const [acknowledged, lags] = [[], []]

  const logs = Array.from({ length: partitions }, (_, p) => ({ holder: p % workers, log: [], published: 0, seenByHolder: 0, publishing: false, fetched: [] }))
  const copies = Array.from({ length: workers }, (_, id) => ({
    id,
    logs: new Map(),
    relay: { lanes: 0, wanted: new Set() },
    view: { busy: false, wanted: new Set() },
    hinted: new Set(),
    wait: slowest,
  }))
  const stateOf = (copy, one) => {
    let state = copy.logs.get(one)
    if (!state) copy.logs.set(one, (state = { known: one.log.length, waiting: [], running: false }))
    return state
  }

  const number = (copy, one) => {
    const state = stateOf(copy, one)
    if (state.running || state.waiting.length === 0 || dead.has(copy.id)) return
    state.running = true
    const [time, known] = [draw.numberMs(), state.known]
    const batch = state.waiting.splice(0, mostAtOnce)
    rounds++
    // The database decides on the way.
    after(time / 2, () => {
      const won = known === one.log.length
      if (won) {
        one.log.push(batch)
        state.known = one.log.length
        wins++
      }
      after(time / 2, () => (won ? numbered(copy, one, state, batch) : beaten(copy, one, state, batch)))
    })
  }
  const numbered = (copy, one, state, batch) => {
    for (const event of batch) acknowledged.push((event.acknowledged = now) - event.asked)
    state.running = false
    if (one.holder === copy.id) seen(one, state.known)
    // A hint is written without waiting for the disk.
    else after(draw.findMs(), () => copies[one.holder].hinted.add(one))
    number(copy, one)
  }
  /** What is new is read; whether the own commits are in it is looked up; then by jitter. */
  const beaten = (copy, one, state, batch) => {
    state.waiting.unshift(...batch)
    after(draw.findMs(), () => {
      state.known = one.log.length
      after(draw.findMs() + random() * longestWait, () => {
        state.running = false
        number(copy, one)
      })
    })
  }
  const listen = (copy) => {
    if (dead.has(copy.id) || (now > seconds * 1000 && asked === lags.length)) return
    after(copy.wait + draw.findMs(), () => {
      const news = [...copy.hinted].filter((one) => one.holder === copy.id)
      copy.hinted.clear()
      for (const one of news) after(draw.findMs(), () => seen(one, one.log.length))
      copy.wait = news.length > 0 ? quickest : Math.min(slowest, copy.wait * 1.2)
      listen(copy)
    })
  }
  /** The holder knows of the log up to a place. */
  const seen = (one, to) => {
    one.seenByHolder = Math.max(one.seenByHolder, to)
    const copy = copies[one.holder]
    const state = stateOf(copy, one)
    state.known = Math.max(state.known, one.seenByHolder)
    if (one.publishing || one.published === one.seenByHolder || dead.has(copy.id)) return
    copy.relay.wanted.add(one)
    publish(copy)
  }
  const publish = (copy) => {
    const { relay } = copy
    for (const one of relay.wanted) {
      if (relay.lanes === parameters.relayLanes) return
      relay.wanted.delete(one)
      relay.lanes++
      one.publishing = true
      const to = one.seenByHolder
      const batch = one.log.slice(one.published, to).flat()
      after(readTime(batch.length) + sendTime(batch.length), () => {
        relay.lanes--
        one.publishing = false
        one.published = to
        after(draw.fetchMs(), () => {
          one.fetched.push(...batch)
          copies[one.holder].view.wanted.add(one)
          apply(copies[one.holder])
        })
        seen(one, to)
        publish(copy)
      })
    }
  }
  const apply = (copy) => {
    const { view } = copy
    const [one] = view.wanted
    if (view.busy || !one || dead.has(copy.id)) return
    view.busy = true
    view.wanted.delete(one)
    const batch = one.fetched.splice(0, mostAtOnce)
    after(applyTime(batch.length), () => {
      view.busy = false
      // What became visible before its own answer has no lag.
      for (const event of batch) lags.push(event.acknowledged > 0 ? now - event.acknowledged : 0)
      if (one.fetched.length > 0) copies[one.holder].view.wanted.add(one)
      apply(copy)
    })
  }
  const living = () => {
    for (;;) {
      const copy = copies[Math.floor(random() * workers)]
      if (!dead.has(copy.id)) return copy
    }
  }
  const arrive = () => {
    const hot = skew > 0 && random() < 0.5
    const one = logs[Math.floor(random() * (hot ? Math.max(1, partitions / 10) : partitions))]
    const holder = copies[one.holder]
    const copy = random() < sticky && !dead.has(holder.id) ? holder : living()
    const event = { asked: now, acknowledged: 0 }
    asked++
    after(draw.storeMs(), () => {
      stateOf(copy, one).waiting.push(event)
      number(copy, one)
    })
    const next = -(Math.log(1 - random()) / rate) * 1000
    if (now + next < seconds * 1000) after(next, arrive)
  }
  /** What it was about to number is numbered by others as orphans; its partitions and its share of the view go to others when its leases are over. */
  const die = () => {
    dead.add(0)
    after(goneAfter, () => {
      for (const one of logs.filter(({ holder }) => holder === 0)) {
        one.holder = 1 + Math.floor(random() * (workers - 1))
        seen(one, one.log.length)
        if (one.fetched.length > 0) copies[one.holder].view.wanted.add(one)
        apply(copies[one.holder])
      }
      for (const [one, { waiting }] of copies[0].logs) {
        stateOf(copies[one.holder], one).waiting.push(...waiting.splice(0))
        number(copies[one.holder], one)
      }
    })
  }

  agenda.add(0, arrive)
  for (const copy of copies) listen(copy)
  if (dies) agenda.add(seconds * 500, die)
  while (agenda.size > 0) {
    const { at, run } = agenda.take()
    now = at
    run()
  }
  return { acknowledged, lags, attempts: rounds / wins, perNumbering: acknowledged.length / wins }
}
