// Runs the checks of one file. usage: node run.mjs FILE, with TANDEM_URL and TANDEM_SECRET_KEY in the environment
import { pathToFileURL } from 'node:url';
import { checks, stage, tell } from './harness.mjs';

const PATIENCE_MS = 10_000;

async function withinPatience(promise) {
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing happened for ${PATIENCE_MS} ms`)), PATIENCE_MS);
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}

// What a client lets fall unhandled belongs to the check that is running.
let blame = () => {};
process.on('unhandledRejection', (error) => blame(error));
process.on('uncaughtException', (error) => blame(error));

await import(pathToFileURL(process.argv[2]));
for (const { name, body } of checks) {
  try {
    const stray = new Promise((_, reject) => {
      blame = reject;
    });
    await withinPatience(Promise.race([body(), stray]));
    tell({ name, error: null });
  } catch (error) {
    tell({ name, error: error?.stack ?? JSON.stringify(error) });
  }
  await stage('rest');
}
process.exit(0);
