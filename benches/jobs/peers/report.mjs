// What every driver tells: one line of JSON per phase, with this process's own processor time.
export async function phase(jobs, work) {
  const cpu = process.cpuUsage();
  const begun = process.hrtime.bigint();
  const latencies = (await work()) ?? [];
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  const used = process.cpuUsage(cpu);
  latencies.sort((a, b) => a - b);
  const at = (share) => latencies.length ? latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] : null;
  console.log(JSON.stringify({
    jobs, seconds, cpu_seconds: (used.user + used.system) / 1e6, p50_ms: at(0.5), p99_ms: at(0.99),
  }));
}

// Calls `add` at `rate` per second for `seconds`, on the intended moments.
export async function pace(rate, seconds, add) {
  const begun = performance.now();
  const calls = [];
  for (let n = 0; n < rate * seconds; n++) {
    const wait = begun + (n * 1000) / rate - performance.now();
    if (wait > 1) await new Promise((done) => setTimeout(done, wait));
    calls.push(add(performance.timeOrigin + performance.now()));
  }
  await Promise.all(calls);
}

export const now = () => performance.timeOrigin + performance.now();

// Resolves when it was called so many times.
export function countdown(count) {
  let done;
  const all = new Promise((resolve) => { done = resolve; });
  return { all, one: () => { if (--count === 0) done(); } };
}

// One by one, so many under way at a time.
export async function inFlight(count, width, add) {
  let next = 0;
  await Promise.all(Array.from({ length: width }, async () => { while (next++ < count) await add(); }));
}
