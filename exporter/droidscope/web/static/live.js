// Keeps the numbers of the landing page fresh. The page is complete without it.
"use strict";

const REFRESH_MS = 5000;
const UNKNOWN = "Not known yet.";
const DASH = "–";

const numbers = {
  count: (value) => value.toLocaleString("en-US", { maximumFractionDigits: 0 }),
  score: (value) => value.toLocaleString("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 }),
  percent: (value) => `${(100 * value).toFixed(1)} %`,
};

const known = (value) => value !== null && value !== undefined && value !== "";
const format = (value, unit) => (known(value) ? numbers[unit](value) : DASH);

function elapsed(start, now) {
  if (!known(start) || !known(now)) return DASH;
  const seconds = Math.max(0, Math.floor(now - start));
  const two = (value) => String(value).padStart(2, "0");
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${two(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

// Names come from outside: text only ever becomes textContent, never markup.
function element(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

const cell = (text) => element("td", known(text) ? text : DASH);
const numeric = (text) => element("td", text, { class: "number" });

function around(tag, ...children) {
  const made = element(tag);
  made.append(...children);
  return made;
}

function heading(...children) {
  const made = around("th", ...children);
  made.setAttribute("scope", "row");
  return made;
}

function progress(ratio) {
  if (!known(ratio)) return cell("");
  const text = `${(100 * ratio).toFixed(0)} %`;
  const bar = element("progress", text, { max: 1, value: ratio, "aria-label": "Progress" });
  return around("td", bar, " ", element("span", text));
}

const rows = {
  sessions: (line, now) => [
    heading(element("code", line.session)),
    cell(line.orchestrator),
    cell(line.pattern),
    cell(line.phase),
    around("td", element("span", line.state, { class: "state", "data-state": line.state })),
    progress(line.progress),
    numeric(elapsed(line.start_seconds, now)),
    numeric(format(line.droids, "count")),
    numeric(format(line.conflicts, "count")),
  ],
  droids: (line) => [
    heading(line.droid),
    cell(line.orchestrator),
    numeric(format(line.efficiency, "score")),
    numeric(format(line.samples, "count")),
  ],
};

const nothing = { sessions: "No session is running.", droids: "No droid has a score yet." };

function showNumbers(summary) {
  for (const shown of document.querySelectorAll("[data-value]")) {
    const [path, unit] = shown.dataset.value.split(":");
    const value = path.split(".").reduce((part, name) => part?.[name], summary);
    const text = format(value, unit);
    if (shown.textContent !== text) shown.textContent = text;
  }
}

function showTable(name, lines, now) {
  const table = document.getElementById(name);
  const empty = document.getElementById(`${name}-empty`);
  const made = (lines ?? []).map((line) => around("tr", ...rows[name](line, now)));
  table.querySelector("tbody").replaceChildren(...made);
  table.hidden = made.length === 0;
  empty.hidden = made.length > 0;
  empty.textContent = lines ? nothing[name] : UNKNOWN;
}

// A live region is read aloud when it changes, so it only changes when there is news.
function showStatus(ready, message) {
  const status = document.getElementById("status");
  status.dataset.ready = ready;
  if (status.textContent !== message) status.textContent = message;
}

function show({ version, status, summary }) {
  const now = summary.time_seconds;
  document.getElementById("version").textContent = version;
  showStatus(status.ready, status.message || (status.ready ? "Ready" : "Starting"));
  showNumbers(summary);
  showTable("sessions", summary.sessions, now);
  showTable("droids", summary.droids, now);
  document.getElementById("freshness").textContent = `Updated ${new Date().toLocaleTimeString()}`;
}

async function refresh() {
  try {
    const answer = await fetch("/api/v1/summary", { signal: AbortSignal.timeout(REFRESH_MS) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    show(await answer.json());
  } catch {
    showStatus("offline", "No answer; the numbers are old");
  }
  setTimeout(refresh, REFRESH_MS);
}

setTimeout(refresh, REFRESH_MS);
