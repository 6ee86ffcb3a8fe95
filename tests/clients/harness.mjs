// What every file of checks needs. It talks with the Python test in lines of JSON: {"name", "error"} is how a check
// went; {"stage": "work"} asks the test to do something to the worker, and the test answers with a line when it is done.
import { createInterface } from 'node:readline';

export const url = process.env.TANDEM_URL;
export const socketUrl = url.replace(/^http/, 'ws');

export const checks = [];
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
export const tell = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** Adds a check, which fails by throwing or by taking too long. The Python tests find its name by `check('`. */
export function check(name, body) {
  checks.push({ name, body });
}

/** Has the test do something outside of this process, and waits until it is done. */
export async function stage(wish) {
  tell({ stage: wish });
  await answers.next();
}
