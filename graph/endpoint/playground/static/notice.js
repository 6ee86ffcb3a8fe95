/** One sentence for the person, at the foot of the page until they dismiss it or something else is said. */

const place = document.getElementById("notice");
const button = place.querySelector("button");

/** @param {string} text nothing takes the notice away */
export function say(text) {
  place.querySelector("span").textContent = text;
  button.hidden = !text;
}

button.addEventListener("click", () => say(""));
