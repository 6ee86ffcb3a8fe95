/** Places a demo order on the front page, and follows it. */

import { lastCursor } from "/playground/runs.js";
import { Session } from "/playground/session.js";
import { linkTo } from "/playground/share.js";
import { Gone, Trouble, ask, subscribe } from "./graphql.js";

const SHOP = `query DemoShop {
  me { fullName }
  products(first: 10, filter: { inStock: true }) { nodes { id } }
}`;
const PLACE = `mutation DemoOrder($input: CreateOrderInput!) {
  createOrder(input: $input) {
    order { id databaseId items { quantity productName } user { fullName } events { cursor } }
    errors { message }
  }
}`;
const FOLLOW = `subscription DemoOrderEvents($orderId: ID!, $after: String) {
  orderEvents(orderId: $orderId, after: $after) {
    cursor status createdAt failureCode
    order { total { amount currency } }
  }
}`;
/** What the playground opens with. */
const LOOK = `# The order that the front page has placed.
# Ctrl-Enter runs this.
query TheOrderYouPlaced($id: ID!) {
  order(id: $id) {
    databaseId
    status
    agreedTotal {
      amount
      currency
    }
    items {
      productName
      quantity
    }
    events {
      status
      createdAt
    }
  }
}
`;
/** After which nobody seems to take the order up. */
const PATIENCE_MS = 10_000;
const REASONS = {
  OUT_OF_STOCK: "it is sold out",
  PRODUCT_UNAVAILABLE: "the product is no longer on sale",
  PROCESSING_ERROR: "it could not be processed",
};

const find = (id) => document.getElementById(id);
const steps = [...find("steps").children];
const session = new Session("/graphql");
/** The input of an order whose answer was lost: sent again with its key, it becomes one order all the same. */
let unanswered = null;
/** What is followed: the order, its last event's cursor, when it was placed, whether it has ended, and how to stop. */
let watched = null;

find("place").addEventListener("click", async ({ target }) => {
  target.disabled = true;
  const placed = await attempt(async () => begin(await place()));
  target.disabled = false;
  if (placed) {
    await attempt(follow);
  }
});
find("follow").addEventListener("click", () => attempt(follow));

/** Returns whether an action has succeeded; if not, the page says why. */
async function attempt(action) {
  find("demo-message").textContent = "";
  find("follow").hidden = true;
  try {
    await action();
    return true;
  } catch (error) {
    find("demo-message").textContent = error.message;
    if (!(error instanceof Trouble)) {
      throw error;
    }
    return false;
  }
}

async function place() {
  unanswered ??= { items: [{ productId: await chooseProduct(), quantity: 1 }], ...given() };
  const { createOrder } = await ask(session, PLACE, { input: unanswered });
  unanswered = null;
  if (!createOrder.order) {
    throw new Trouble(createOrder.errors[0].message);
  }
  return createOrder.order;
}

const given = () => ({
  shippingAddress: "12 St James's Square, London",
  // Not randomUUID: browsers have that on secure origins alone.
  idempotencyKey: `front-page-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`,
});

async function chooseProduct() {
  let shop = (await session.token()) && (await ask(session, SHOP));
  if (!shop?.me) {
    await signIn();
    shop = await ask(session, SHOP);
  }
  const { nodes } = shop.products;
  if (nodes.length === 0) {
    throw new Trouble("Everything is sold out. An administrator can add stock: adjustStock, in GraphiQL.");
  }
  return nodes[Math.floor(Math.random() * nodes.length)].id;
}

async function signIn() {
  const { email, password } = find("place").dataset;
  try {
    await session.signIn(email, password);
  } catch (error) {
    // What fetch() rejects with when there is nobody.
    throw error instanceof TypeError ? new Gone() : new Trouble(`${email} could not sign in: ${error.message}`);
  }
}

/** Shows an order of which no event has come yet. */
function begin(order) {
  watched?.stop.abort();
  watched = { order, after: null, since: null, ended: false, stop: new AbortController() };
  // The playground's tab for watching begins there.
  lastCursor.set(order.events[0].cursor);
  find("look").href = linkTo({ query: LOOK, variables: { id: order.id } }, "/graphql");
  const items = order.items.map(({ quantity, productName }) => `${quantity} × ${productName}`);
  find("item").textContent = `Order ${order.databaseId} of ${order.user.fullName}: ${items.join(", ")}`;
  find("outcome").textContent = "";
  find("order").hidden = false;
  for (const step of steps) {
    step.className = "";
    step.querySelector("span").textContent = "";
  }
  steps.at(-1).querySelector("b").textContent = "Completed";
}

/** Shows the events of the watched order as they come, those that were missed included. */
async function follow() {
  const { order, after, stop } = watched;
  let waiting = remindOfWorkers("No worker has taken it on yet. Is one running (make run, or tandem worker)?");
  find("next").hidden = false;
  try {
    for await (const { orderEvents } of subscribe(session, FOLLOW, { orderId: order.id, after }, stop.signal)) {
      if (stop.signal.aborted) {
        return;
      }
      show(orderEvents);
      if (orderEvents.status !== "PENDING") {
        clearTimeout(waiting);
        waiting = watched.ended ? null : remindOfWorkers("A worker has it, and is not done yet.");
      }
    }
    if (!watched.ended) {
      throw new Gone();
    }
  } catch (error) {
    if (stop.signal.aborted) {
      return; // Another order is followed now.
    }
    find("follow").hidden = false;
    throw error instanceof Gone ? new Trouble(`${error.message} Order ${order.databaseId} is kept.`) : error;
  } finally {
    clearTimeout(waiting);
  }
}

function remindOfWorkers(words) {
  return setTimeout(() => {
    find("outcome").textContent = words;
  }, PATIENCE_MS);
}

function show({ cursor, status, createdAt, failureCode, order }) {
  watched.after = cursor;
  watched.since ??= Date.parse(createdAt);
  find("outcome").textContent = "";
  const step = steps.find(({ dataset }) => dataset.status === status) ?? steps.at(-1);
  step.className = step.dataset.status === status ? "reached" : "bad";
  step.querySelector("span").textContent = `after ${((Date.parse(createdAt) - watched.since) / 1000).toFixed(2)} s`;
  if (status === "COMPLETED") {
    finish(`Total: ${order.total.amount} ${order.total.currency}`);
  } else if (status === "FAILED") {
    step.querySelector("b").textContent = "Failed";
    finish(`It failed: ${REASONS[failureCode] ?? failureCode}. Nothing was taken from the stock.`);
  } else if (status === "CANCELLED") {
    step.querySelector("b").textContent = "Cancelled";
    finish("Somebody has cancelled it.");
  }
}

function finish(words) {
  watched.ended = true;
  find("outcome").textContent = words;
}
