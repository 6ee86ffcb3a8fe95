/** The six questions of operators, as tabs for administrators, with the ids of orders that there are. */

import { send } from "./trouble.js";

/** What stands in the questions' variables as they are shipped: the order and the product with the number 1. */
const ORDER = "T3JkZXI6MQ==";
const PRODUCT = "UHJvZHVjdDox";
const QUERY = `query OperateIds {
  stuck: stuckOrders(first: 1) { nodes { ...Found } }
  failed: allOrders(first: 1, filter: { failureCode: PROCESSING_ERROR }) { nodes { ...Found } }
  newest: allOrders(first: 1) { nodes { ...Found } }
}
fragment Found on Order { id items { product { id } } }`;

/** Sends an operation as whoever is signed in, and returns its data; throws an Error whose message is for the person. */
export async function ask(endpoint, session, query, signal) {
  const { data, problem } = await send(endpoint, { query }, { token: await session.token(), signal });
  if (!data) {
    throw new Error(problem);
  }
  return data;
}

/**
 * Returns questions, which are examples, with ids in their variables: of the order that hangs longest, else of the last
 * that was given up, else of the newest. What is tried again is better one that was given up.
 */
export async function withIds(questions, endpoint, session) {
  const { stuck, failed, newest } = await ask(endpoint, session, QUERY);
  const first = (...lists) => lists.map((list) => list?.nodes[0]).find(Boolean);
  return questions.map((question) => {
    const order = question.name === "again" ? first(failed, stuck, newest) : first(stuck, failed, newest);
    const variables = order
      ? question.variables?.replace(ORDER, order.id).replace(PRODUCT, order.items[0]?.product?.id ?? PRODUCT)
      : question.variables;
    return { ...question, variables };
  });
}
