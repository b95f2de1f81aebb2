// Keeps a page up to date: asks for its changing part every two seconds and changes only what differs, so that
// focus, open panels and typed text stay. Without this script the page is whole, as of when it was loaded.
"use strict";

const content = document.getElementById("content");
const freshness = document.getElementById("freshness");
const TICK = 2000;
const PATIENCE = 8000;

function patch(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeName !== fresh.nodeName || old.id !== fresh.id) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  patchAttributes(old, fresh);
  patchChildren(old, fresh);
}

function patchAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

// What has an id, and each block that may hold an open panel has one, is found again wherever it went, and never moved needlessly: moving takes the focus away.
function patchChildren(old, fresh) {
  const wanted = [...fresh.childNodes];
  wanted.forEach((child, index) => {
    const same = child.id && [...old.children].find((one) => one.id === child.id);
    while (same && old.childNodes[index] !== same && !old.childNodes[index].id) old.childNodes[index].remove();
    const present = old.childNodes[index];
    if (same && same !== present) old.insertBefore(same, present);
    if (same) patch(same, child);
    else if (!present || present.id) old.insertBefore(child, present ?? null);
    else patch(present, child);
  });
  while (old.childNodes.length > wanted.length) old.lastChild.remove();
}

// A log that is not there yet begins at its end.
function atEnd(log) {
  return !log || log.scrollHeight - log.scrollTop - log.clientHeight < 24;
}

async function refresh() {
  const answer = await fetch(location.href, {
    headers: { "X-Fragment": "1" },
    signal: AbortSignal.timeout(PATIENCE),
  });
  if (answer.status === 401 || answer.status === 403) return location.reload();
  if (!answer.ok) throw new Error(answer.status);
  const fresh = content.cloneNode(false);
  fresh.innerHTML = await answer.text();
  const follows = atEnd(document.getElementById("log"));
  patchChildren(content, fresh);
  const log = document.getElementById("log");
  if (log && follows) log.scrollTop = log.scrollHeight;
  freshness.textContent = "";
}

async function tick() {
  try {
    if (!document.hidden) await refresh();
  } catch {
    freshness.textContent = "No connection: what you see may be out of date.";
  }
  setTimeout(tick, TICK);
}

const log = document.getElementById("log");
if (log) log.scrollTop = log.scrollHeight;
setTimeout(tick, TICK);
