"""Celery on Redis with the same identifiers as `benchmarks.queues`: publish them, work them off, say how long it took.

`python celery_queue.py REDIS_URL NUMBER POOL LATENCY_NUMBER` prints one JSON document. The worker does nothing with an
identifier; late acknowledgement, since ours acknowledge late too, no results, and a prefetch that does not hold it up.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import redis
from celery import Celery

URL = os.environ.get("CELERY_BENCH_URL") or sys.argv[1]
app = Celery("bench", broker=URL)
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=256,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    broker_pool_limit=1,
)
_DONE, _LATE = "bench:done", "bench:late"
_client = redis.Redis.from_url(URL)
_seen = 0


@app.task(name="look")
def look(capture_id: str, sent_at: float = 0.0) -> None:
    """What a processor would claim. Every hundredth says so, which costs little; those with a time say how late."""
    global _seen
    _seen += 1
    if sent_at:
        _client.rpush(_LATE, time.time() - sent_at)
    elif _seen % 100 == 0:
        _client.incrby(_DONE, 100)


def main() -> None:
    """Measure and print."""
    number, pool, latencies = int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    begun = time.perf_counter()
    with app.producer_pool.acquire(block=True) as producer:
        for each in range(number):
            look.apply_async((f"00000000-0000-7000-8000-{each:012d}",), producer=producer)
    published_s = time.perf_counter() - begun
    worker = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "celery_queue",
            "worker",
            "-P",
            pool,
            "-c",
            "2",
            "-l",
            "ERROR",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ],
        cwd=Path(__file__).resolve().parent,
        env={**os.environ, "CELERY_BENCH_URL": URL},
    )
    try:
        first = _until(lambda: int(_client.get(_DONE) or 0) >= 100)
        already = int(_client.get(_DONE) or 0)
        last = _until(lambda: int(_client.get(_DONE) or 0) >= number - 200)
        done = int(_client.get(_DONE) or 0)
        for _ in range(latencies):
            look.delay("00000000-0000-7000-8000-000000000000", time.time())
            time.sleep(1 / 150)
        _until(lambda: _client.llen(_LATE) >= latencies)
        late = sorted(float(each) for each in _client.lrange(_LATE, 0, -1))
    finally:
        worker.terminate()
        worker.wait(20)
    rate = (done - already) / (last - first)
    p99 = late[int(len(late) * 0.99)] if late else None
    print(json.dumps({"publish_per_s": number / published_s, "drain_per_s": rate, "p99_s": p99}))


def _until(condition) -> float:
    deadline = time.perf_counter() + 300
    while not condition():
        if time.perf_counter() > deadline:
            raise TimeoutError("the worker does not come to an end")
        time.sleep(0.01)
    return time.perf_counter()


if __name__ == "__main__":
    main()
