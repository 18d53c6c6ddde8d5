/** Environment of every application that uses Kafka. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { SASLOptions } from 'kafkajs'
import type { KafkaOptions } from './kafka-options.js'

const mechanisms = ['none', 'plain', 'scram-sha-256', 'scram-sha-512'] as const

export const kafkaConfig = z
  .object({
    KAFKA_BROKERS: z
      .string()
      .max(4096)
      .default('127.0.0.1:9092')
      .transform((text) =>
        text
          .split(',')
          .map((one) => one.trim())
          .filter(Boolean),
      )
      .pipe(z.array(z.string().regex(/^[^\s:,]+:\d{1,5}$|^\[[0-9a-f:]+\]:\d{1,5}$/i, { error: 'must be host:port, separated by commas' })).min(1))
      .describe('Addresses of some Kafka brokers as host:port, separated by commas'),
    KAFKA_TLS: z
      .enum(['true', 'false'])
      .default('false')
      .transform((text) => text === 'true')
      .describe('Whether the connection to Kafka is encrypted'),
    KAFKA_CA_FILE: z.string().max(4096).optional().describe('File with the certificate authority of the brokers in PEM; by default those of the system'),
    KAFKA_SASL: z.enum(mechanisms).default('none').describe('How the system signs in to Kafka'),
    KAFKA_USERNAME: z.string().max(255).optional().describe('User name at Kafka'),
    KAFKA_PASSWORD: z.string().max(4096).optional().describe('Password at Kafka'),
    KAFKA_TOPIC_PREFIX: z
      .string()
      .regex(/^[a-zA-Z0-9._-]{1,64}$/, { error: 'must be letters, digits, dots, dashes or underscores' })
      .default('pavan')
      .describe('What the names of topics and consumer groups begin with'),
  })
  .refine((config) => config.KAFKA_SASL === 'none' || (config.KAFKA_USERNAME && config.KAFKA_PASSWORD), {
    error: 'KAFKA_SASL needs KAFKA_USERNAME and KAFKA_PASSWORD',
    path: ['KAFKA_USERNAME'],
  })
export type KafkaConfig = z.output<typeof kafkaConfig>

/** Options of the bus from the environment; reads the file of the certificate authority. */
export const kafkaOptions = (config: KafkaConfig): Omit<KafkaOptions, 'log'> => ({
  brokers: config.KAFKA_BROKERS,
  prefix: config.KAFKA_TOPIC_PREFIX,
  ...(config.KAFKA_TLS || config.KAFKA_CA_FILE ? { tls: config.KAFKA_CA_FILE ? { ca: readFileSync(config.KAFKA_CA_FILE, 'utf8') } : true } : {}),
  ...(config.KAFKA_SASL === 'none'
    ? {}
    : { sasl: { mechanism: config.KAFKA_SASL, username: config.KAFKA_USERNAME, password: config.KAFKA_PASSWORD } as SASLOptions }),
})
