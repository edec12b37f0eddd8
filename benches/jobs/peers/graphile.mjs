// graphile-worker with the settings its own page on performance recommends.
import { makeWorkerUtils, run } from "graphile-worker";
import { countdown, inFlight, now, pace, phase } from "./report.mjs";

const [url, step, a, b] = process.argv.slice(2);
const logger = new (await import("graphile-worker")).Logger(() => (level, message) => { if (level === "error") console.error(message); });
const worker = (task, preset) => run({ connectionString: url, taskList: { noop: task }, logger, noHandleSignals: true, concurrency: 24, maxPoolSize: 10, ...preset });
const fast = { preset: { worker: { connectionString: url, concurrentJobs: 24, maxPoolSize: 10, localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } } };

const utils = await makeWorkerUtils({ connectionString: url, logger });
if (step === "setup") {
  await utils.migrate();
} else if (step === "single") {
  await phase(+a, () => inFlight(+a, 10, () => utils.addJob("noop", { at: 0 })));
} else if (step === "bulk") {
  await phase(+a, async () => {
    for (let n = 0; n < +a; n += 1000) await utils.addJobs(Array.from({ length: Math.min(1000, +a - n) }, () => ({ identifier: "noop", payload: { at: 0 } })));
  });
} else if (step === "drain") {
  const left = countdown(+a);
  await phase(+a, async () => {
    const runner = await worker(async () => left.one(), fast);
    await left.all;
    await runner.stop();
  });
} else if (step === "pace") {
  const count = +a * +b, left = countdown(count), latencies = [];
  const runner = await worker(async (payload) => { latencies.push(now() - payload.at); left.one(); }, fast);
  await phase(count, async () => {
    await pace(+a, +b, (at) => utils.addJob("noop", { at }));
    await left.all;
    return latencies;
  });
  await runner.stop();
}
await utils.release();
process.exit(0);
