/** What a subscription yields, as a list that grows: GraphiQL by itself shows the last message alone. */

const SHOWN = 50;

/**
 * Not a generator: its return() would wait for the next message.
 *
 * @param {AsyncIterator<object>} messages
 * @param {(run: object) => void} report told of every message and of the end
 */
export function asLog(messages, report) {
  const events = [];
  let count = 0;
  let extensions;
  const tell = (state) => report({ state, events: count, cost: extensions?.cost });
  const finish = (result) => {
    tell("ended");
    return result;
  };
  tell("live");
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const { done, value } = await messages.next();
      if (done) {
        return finish({ done, value });
      }
      const { extensions: told, ...message } = value;
      extensions = told ?? extensions;
      count += 1;
      events.unshift({ at: now(), ...message });
      events.length = Math.min(events.length, SHOWN);
      tell("live");
      return { done, value: { newestFirst: [...events], ...(extensions && { extensions }) } };
    },
    async return(value) {
      return finish((await messages.return?.(value)) ?? { done: true, value });
    },
    async throw(error) {
      return finish((await messages.throw?.(error)) ?? { done: true, value: undefined });
    },
  };
}

function now() {
  const time = new Date();
  return `${time.toTimeString().slice(0, 8)}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}
