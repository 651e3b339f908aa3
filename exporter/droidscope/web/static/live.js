// Keeps the landing page current: fetches it again, and changes what differs. The page is complete without it.
"use strict";

const REFRESH_MS = 5000;
const FRESH = ["header", "main"];
const SET_BY_READER = ["open"]; // attributes that the reader changes, not the server

// Makes one node like another, in place: focus, selection, scroll positions and open details stay.
function sync(now, next) {
  if (now.isEqualNode(next)) return;
  if (now.nodeName !== next.nodeName) return now.replaceWith(next);
  if (now.nodeType !== Node.ELEMENT_NODE) {
    now.data = next.data;
    return;
  }
  for (const { name } of [...now.attributes]) {
    if (!next.hasAttribute(name) && !SET_BY_READER.includes(name)) now.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (now.getAttribute(name) !== value) now.setAttribute(name, value);
  }
  const children = [...next.childNodes];
  for (const surplus of [...now.childNodes].slice(children.length)) surplus.remove();
  children.forEach((child, index) => {
    if (index < now.childNodes.length) sync(now.childNodes[index], child);
    else now.append(child);
  });
}

function showOffline() {
  const status = document.getElementById("status");
  const message = "Connection lost, data is stale";
  status.dataset.ready = "offline";
  // Screen readers read a live region aloud when it changes, so it is only set when the text differs.
  if (status.textContent !== message) status.textContent = message;
}

async function refresh() {
  try {
    const answer = await fetch("/", { signal: AbortSignal.timeout(REFRESH_MS) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of FRESH) sync(document.getElementById(id), page.getElementById(id));
    document.getElementById("freshness").textContent = `Updated ${new Date().toLocaleTimeString()}`;
  } catch {
    showOffline();
  }
  setTimeout(refresh, REFRESH_MS);
}

setTimeout(refresh, REFRESH_MS);
