"""Watching the server: metrics, traces, access lines, the decision log.

    watch.py       Watch: what the dispatcher calls at the begin, the messages and the end of each call
    calls.py       CallCounts: calls, messages, bytes and latencies by method, counted by each thread for itself
    metrics.py     Metrics: all of it as Prometheus reads it
    exposition.py  several processes' expositions as one, with the label `worker`
    traces.py      Traces: OpenTelemetry spans of calls and of engine passes
    access.py      AccessLog: one log line a failed call, with ids to find it by
    decisions/     the decision log: records, files, export, replay

What is written down of a call never has its contents, but for the texts in the decision log if they are asked for.
"""
