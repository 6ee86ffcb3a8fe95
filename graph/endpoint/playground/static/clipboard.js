/** Copies text, or shows it to be copied by hand where a page may not: over plain HTTP, or when it is refused. */

import { say } from "./notice.js";

/** @param {string} what the text is, as in "Copied: ..." */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`Copied: ${what}.`);
  } catch {
    const dialog = document.getElementById("copy-by-hand");
    const area = dialog.querySelector("textarea");
    area.value = text;
    dialog.showModal();
    area.select();
  }
}
