"""The collector: events over HTTP into a spool or a Kafka topic."""
