// Filters the apps while somebody types. Without this script the form does it; the address is the same.
"use strict";

(() => {
  const PAUSE = 150;
  const field = document.getElementById("q");
  let waiting = 0;

  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const address = new URL(location.href);
      if (field.value.trim()) address.searchParams.set("q", field.value.trim());
      else address.searchParams.delete("q");
      history.replaceState(null, "", address);
      htmx.trigger(document.getElementById("page"), "refresh");
    }, PAUSE);
  });
})();
