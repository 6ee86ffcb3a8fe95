/** The SQL statements of a run, in a dialog; development only tells them. */

import { count } from "./count.js";

const find = (id) => document.getElementById(id);

/** @param {{ statement: string, rows: number | null, milliseconds: number | null }[]} statements in the order sent */
export function showStatements(statements) {
  find("statements").replaceChildren(...statements.map(item));
  find("sql").showModal();
}

function item({ statement, rows, milliseconds }) {
  const measures = document.createElement("p");
  measures.textContent = [
    rows === null ? "no rows" : count(rows, "row"),
    milliseconds === null ? "not finished" : `${milliseconds.toFixed(2)} ms`,
  ].join(" · ");
  const text = document.createElement("pre");
  text.tabIndex = 0; // It can be wider than the dialog, and is then moved by the keyboard.
  text.textContent = statement;
  const entry = document.createElement("li");
  entry.append(measures, text);
  return entry;
}
