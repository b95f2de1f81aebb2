// Keeps a page up to date. htmx asks for its changing part when an event says that something changed, and
// idiomorph changes only what differs, so that focus, open panels and typed text stay. New lines of a log are put
// in here. Without the events the page asks every two seconds; without this script it is whole, as of when it was
// loaded.
"use strict";

(() => {
  const RARELY = 10000;
  const OFTEN = 2000;
  const SILENCE = 15000;
  const AWAY = 10000;

  const page = document.getElementById("page");
  const log = document.getElementById("log");
  const freshness = document.getElementById("freshness");
  let source = null;
  let isOpen = false;
  let heardAt = 0;
  let askedAt = Date.now();
  let lastLine = log?.dataset.last;

  // What people have typed and opened is theirs.
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
    !(["open", "name"].includes(name) && node.matches("details")) &&
    !(name === "value" && node.matches("input:not([type=hidden]), textarea, select"));

  htmx.createEventSource = (address) => {
    const url = new URL(address, location.href);
    if (log) url.searchParams.set("after", lastLine);
    source = new EventSource(url);
    for (const name of ["open", "changed", "beat"]) source.addEventListener(name, hear);
    source.addEventListener("lines", (event) => {
      hear();
      addLines(event.data, event.lastEventId);
    });
    return source;
  };

  function hear() {
    heardAt = Date.now();
  }

  function refresh() {
    askedAt = Date.now();
    htmx.trigger(page, "refresh");
  }

  // The connection says nothing any more, or was closed: let htmx make another one.
  function reconnect() {
    source.close();
    source.dispatchEvent(new Event("error"));
  }

  document.body.addEventListener("htmx:sseOpen", () => {
    isOpen = true;
    hear();
  });
  document.body.addEventListener("htmx:sseError", () => {
    isOpen = false;
    refresh();
  });
  document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.elt !== page) return;
    if ([401, 403, 404].includes(detail.xhr.status)) return location.reload();
    freshness.textContent = detail.successful ? "" : "No connection: what you see may be out of date.";
  });
  for (const name of ["online", "offline"]) window.addEventListener(name, refresh);

  // A browser keeps few connections to one site: pages that nobody looks at give theirs back.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      setTimeout(() => document.hidden && source?.close(), AWAY);
    } else {
      refresh();
      if (source?.readyState === EventSource.CLOSED) reconnect();
    }
  });

  setInterval(() => {
    if (document.hidden) return;
    const now = Date.now();
    if (isOpen && now - heardAt > SILENCE) reconnect();
    if (now - askedAt < (isOpen ? RARELY : OFTEN)) return;
    refresh();
    if (!isOpen && log) askForLines();
  }, 1000);

  if (!log) return;

  const find = document.getElementById("find");
  const found = document.getElementById("found");
  const searched = find.value;

  function isAtEnd() {
    return log.scrollHeight - log.scrollTop - log.clientHeight < 24;
  }

  async function askForLines() {
    try {
      const answer = await fetch(`${log.dataset.lines}?after=${lastLine}`, { signal: AbortSignal.timeout(8000) });
      if (answer.ok) addLines(await answer.text());
    } catch {
      // The page is asked for as well, and tells it.
    }
  }

  // A line that is there already is not put in again, however it came. Who reads further up stays there.
  function addLines(html, last) {
    const follows = isAtEnd();
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    for (const line of [...fresh.content.children]) {
      if (isAfter(line.id.slice(5), lastLine)) {
        lastLine = line.id.slice(5);
        log.append(line);
        filter(line);
      }
    }
    while (follows && log.childElementCount > Number(log.dataset.most)) log.firstElementChild.remove();
    if (follows) log.scrollTop = log.scrollHeight;
    if (find.value) count();
  }

  function isAfter(id, other) {
    const [time, number] = id.split("-").map(Number);
    const [otherTime, otherNumber = 0] = other.split("-").map(Number);
    return time > otherTime || (time === otherTime && number > otherNumber);
  }

  function filter(line) {
    line.hidden = !line.textContent.toLowerCase().includes(find.value.trim().toLowerCase());
  }

  function count() {
    const many = log.querySelectorAll("p:not([hidden])").length;
    const kept = log.childElementCount;
    found.textContent = find.value ? `${many} of the ${kept} lines below. Enter searches all.` : "";
    highlight();
  }

  // What was found, marked without touching the lines.
  function highlight() {
    if (!window.Highlight) return;
    const wanted = find.value.trim().toLowerCase();
    const ranges = wanted ? [...log.querySelectorAll("p:not([hidden])")].flatMap((line) => rangesOf(line, wanted)) : [];
    CSS.highlights.set("found", new Highlight(...ranges));
  }

  function rangesOf(line, wanted) {
    const ranges = [];
    const texts = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const text = texts.currentNode.data.toLowerCase();
      for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
        const range = new Range();
        range.setStart(texts.currentNode, at);
        range.setEnd(texts.currentNode, at + wanted.length);
        ranges.push(range);
      }
    }
    return ranges;
  }

  find.addEventListener("input", () => {
    if (searched && !find.value) return document.getElementById("find-form").requestSubmit();
    for (const line of log.children) filter(line);
    count();
  });

  log.scrollTop = log.scrollHeight;
  if (searched) highlight();
})();
