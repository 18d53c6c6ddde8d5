/** The distributed bus, on Apache Kafka. */
export {}
