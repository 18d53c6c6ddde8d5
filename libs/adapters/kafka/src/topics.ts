/** What a topic of ours looks like, made only by the migration and looked at by the check. */
import type { ConfigResourceTypes } from 'kafkajs'

/** `ConfigResourceTypes.TOPIC`: kafkajs does not export the name in a way that ES modules see. */
export const topicResource = 2 as ConfigResourceTypes.TOPIC

/** Settings of every topic; the log must be rebuildable, so nothing is ever deleted from it (see the decision on topics). */
export const settingsFor = (replicas: number): Readonly<Record<string, string>> => ({
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'min.insync.replicas': String(minInsync(replicas)),
  // The producer compresses; a broker that did it again would only burn time.
  'compression.type': 'producer',
  'max.message.bytes': String(largestRecord),
  'message.timestamp.type': 'CreateTime',
  'unclean.leader.election.enable': 'false',
})

export const minInsync = (replicas: number): number => (replicas >= 3 ? 2 : 1)

/** Bytes that a broker takes as one batch of one partition. */
export const largestRecord = 8 * 1024 * 1024
