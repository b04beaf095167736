"""The collector: receives events over HTTP, writes them to a spool or a Kafka topic."""
