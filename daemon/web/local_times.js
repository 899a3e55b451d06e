"use strict";
// Moments in the time of the reader's browser. The server writes them in UTC, which the title of each keeps.
(() => {
  const two = (number) => String(number).padStart(2, "0");

  function local(moment, hasClock) {
    const day = `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
    return hasClock ? `${day} ${two(moment.getHours())}:${two(moment.getMinutes())}` : day;
  }

  function show() {
    for (const time of document.querySelectorAll("time[datetime]:not([data-local])")) {
      const moment = new Date(time.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      time.textContent = local(moment, time.textContent.includes(":"));
      time.dataset.local = "";
    }
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (/^(Etc\/)?UTC$/.test(zone)) return; // which the page says already
    for (const told of document.querySelectorAll("[data-zone]")) {
      told.textContent = told.dataset.zone.replace("{zone}", zone);
    }
  }

  show();
  document.addEventListener("htmx:afterSwap", show);
})();
