"""procrastinate with 24 jobs at a time in one process."""
import asyncio
import json
import resource
import sys
import time

import procrastinate

url, step = sys.argv[1], sys.argv[2]
a = int(sys.argv[3]) if len(sys.argv) > 3 else 0
b = int(sys.argv[4]) if len(sys.argv) > 4 else 0
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, min_size=2, max_size=10))
latencies, left = [], 0
finished = asyncio.Event()


@app.task(name="noop")
async def noop(at):
    global left
    latencies.append((time.time() - at) * 1000)
    left -= 1
    if left == 0:
        finished.set()


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def phase(jobs, work, spread=False):
    begun, used = time.perf_counter(), cpu()
    await work()
    told = {"jobs": jobs, "seconds": time.perf_counter() - begun, "cpu_seconds": cpu() - used, "p50_ms": None, "p99_ms": None}
    if spread:
        latencies.sort()
        told["p50_ms"], told["p99_ms"] = (latencies[min(len(latencies) - 1, int(len(latencies) * share))] for share in (0.5, 0.99))
    print(json.dumps(told), flush=True)


async def single():
    todo = iter(range(a))

    async def one():
        for _ in todo:
            await noop.defer_async(at=0)

    await asyncio.gather(*(one() for _ in range(10)))


async def bulk():
    for first in range(0, a, 1000):
        await noop.batch_defer_async(*({"at": 0} for _ in range(min(1000, a - first))))


async def drain():
    worker = asyncio.create_task(app.run_worker_async(concurrency=24, install_signal_handlers=False))
    await finished.wait()
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


async def paced():
    worker = asyncio.create_task(app.run_worker_async(concurrency=24, install_signal_handlers=False))
    begun, calls = time.perf_counter(), []
    for n in range(a * b):
        wait = begun + n / a - time.perf_counter()
        if wait > 0.001:
            await asyncio.sleep(wait)
        calls.append(asyncio.create_task(noop.defer_async(at=time.time())))
    await asyncio.gather(*calls)
    await finished.wait()
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


async def main():
    global left
    async with app.open_async():
        if step == "setup":
            await app.schema_manager.apply_schema_async()
        elif step == "single":
            await phase(a, single)
        elif step == "bulk":
            await phase(a, bulk)
        elif step == "drain":
            left = a
            await phase(a, drain)
        elif step == "pace":
            left = a * b
            await phase(a * b, paced, True)


asyncio.run(main())
