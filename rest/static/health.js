/** Says on the front page whether the service is healthy, and again every few seconds while somebody looks. */

import { UNREACHABLE } from "/bar/trouble.js";

const EVERY_MS = 5000;
const place = document.getElementById("health");
const NAMES = { database: "PostgreSQL", redis: "Redis" };

async function look() {
  try {
    const response = await fetch("/health/ready", { cache: "no-store" });
    const { checks } = await response.json();
    const failed = Object.entries(checks).filter(([, state]) => state !== "ok");
    show(failed.length === 0, failed.length ? `Not ready: ${failed.map(describe).join("; ")}.` : "Healthy: PostgreSQL and Redis answer.");
  } catch {
    show(false, `${UNREACHABLE}.`);
  }
}

function describe([name, state]) {
  return `${NAMES[name] ?? name} ${state === "failed" ? "does not answer" : `says: ${state}`}`;
}

function show(healthy, words) {
  place.className = healthy ? "healthy" : "ill";
  // Said anew only when it is news, to those who listen to the page.
  if (place.textContent !== words) {
    place.textContent = words;
  }
}

look();
setInterval(() => document.hidden || look(), EVERY_MS);
document.addEventListener("visibilitychange", () => document.hidden || look());
