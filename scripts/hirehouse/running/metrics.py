"""Metrics of `hirehouse run` for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from hirehouse.running.loop import Round

BUCKETS = (0.5, 1, 2, 3, 5, 10, 30, 60, 300, 1800)


class Metrics:
    """Metrics of rounds, served at /metrics; OSError if the port is in use."""

    def __init__(self, port: int, host: str) -> None:
        to = CollectorRegistry()
        self.rounds = Counter("hirehouse_rounds", "Rounds", ["result"], registry=to)
        self.landed = Counter("hirehouse_events_landed", "Events landed", registry=to)
        self.failed = Counter("hirehouse_events_failed", "Events failed", registry=to)
        self.unreadable = Counter("hirehouse_files_unreadable", "Files not readable", registry=to)
        self.seconds = Histogram(
            "hirehouse_round_seconds", "Seconds of a round", buckets=BUCKETS, registry=to
        )
        about = "End of the last round that left nothing to build"
        self.success = Gauge("hirehouse_last_success_timestamp_seconds", about, registry=to)
        about = "Models that failed and will be retried"
        self.broken = Gauge("hirehouse_models_failed", about, registry=to)
        about = "Seconds from received_at of the newest event to the end of its round"
        self.lag = Gauge("hirehouse_lag_seconds", about, registry=to)
        for result in ("good", "bad"):
            self.rounds.labels(result)
        start_http_server(port, host, to)

    def note(self, result: Round, failing: int) -> None:
        """Record a round, and the number of models that have not succeeded since they failed."""
        self.rounds.labels("good" if result.good else "bad").inc()
        self.landed.inc(result.events)
        self.failed.inc(result.failed)
        self.unreadable.inc(len(result.unreadable))
        self.seconds.observe(result.seconds)
        self.broken.set(failing)
        if result.good and not failing:
            self.success.set_to_current_time()
        if result.lag_seconds is not None:
            self.lag.set(result.lag_seconds)
