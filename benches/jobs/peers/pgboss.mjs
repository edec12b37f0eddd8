// pg-boss: batches of 500 to drain; for latency its shortest poll, half a second.
import PgBoss from "pg-boss";
import { countdown, inFlight, now, pace, phase } from "./report.mjs";

const [url, step, a, b] = process.argv.slice(2);
const boss = new PgBoss({ connectionString: url, max: 10 });
boss.on("error", console.error);
await boss.start();
if (step === "setup") {
  await boss.createQueue("noop");
} else if (step === "single") {
  await phase(+a, () => inFlight(+a, 10, () => boss.send("noop", { at: 0 })));
} else if (step === "bulk") {
  await phase(+a, async () => {
    for (let n = 0; n < +a; n += 1000) await boss.insert(Array.from({ length: Math.min(1000, +a - n) }, () => ({ name: "noop", data: { at: 0 } })));
  });
} else if (step === "drain") {
  // `work` waits half a second between two batches; fetching and completing by hand does not
  await phase(+a, async () => {
    let done = 0;
    await Promise.all(Array.from({ length: 4 }, async () => {
      while (done < +a) {
        const jobs = await boss.fetch("noop", { batchSize: 500 });
        if (!jobs || jobs.length === 0) return;
        await boss.complete("noop", jobs.map((job) => job.id));
        done += jobs.length;
      }
    }));
    if (done < +a) throw new Error(`only ${done} of ${a} were there`);
  });
} else if (step === "pace") {
  const count = +a * +b, left = countdown(count), latencies = [];
  await boss.work("noop", { batchSize: 500, pollingIntervalSeconds: 0.5 }, async (jobs) => {
    for (const job of jobs) { latencies.push(now() - job.data.at); left.one(); }
  });
  await phase(count, async () => {
    await pace(+a, +b, (at) => boss.send("noop", { at }));
    await left.all;
    return latencies;
  });
}
await boss.stop({ graceful: false });
process.exit(0);
