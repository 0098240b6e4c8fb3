// The only script of the pages: nothing here is needed to read them.
(() => {
  const doc = document.documentElement, all = (s, root = document) => root.querySelectorAll(s);
  doc.classList.add("js");

  // Times in the reader's zone, in as many digits as before, so that nothing moves.
  const two = v => String(v).padStart(2, "0");
  const clock = t => [t.getHours(), t.getMinutes(), t.getSeconds()].map(two).join(":");
  const day = t => [t.getFullYear(), two(t.getMonth() + 1), two(t.getDate())].join("-");
  const offset = -new Date().getTimezoneOffset(), size = Math.abs(offset);
  const zone = "UTC" + (offset < 0 ? "-" : "+") + two(Math.floor(size / 60)) + ":" + two(size % 60);
  const loaded = new WeakMap(); // when an age was read

  function dress(root) {
    for (const e of all("time[datetime]", root)) {
      const t = new Date(e.dateTime);
      if (isNaN(t)) continue;
      if (/^\d\d:\d\d:\d\d$/.test(e.textContent)) e.textContent = clock(t);
      else if (/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(e.textContent)) e.textContent = day(t) + " " + clock(t);
      e.title = e.dateTime;
    }
    for (const e of all("[data-zone]", root)) e.textContent = zone;
    for (const e of all("[data-age]", root)) loaded.set(e, Date.now());
    showFeed(root);
  }

  // Ages count here: no page is read for them.
  function age() {
    for (const e of all("[data-age]")) {
      const s = Number(e.dataset.age) + (Date.now() - loaded.get(e)) / 1000;
      const [unit, n] = s < 120 ? [0, s] : s < 7200 ? [1, s / 60] : s < 172800 ? [2, s / 3600] : [3, s / 86400];
      const text = e.dataset.units.split("|")[unit].replace("#", Math.round(n));
      if (e.textContent !== text) e.textContent = text;
    }
  }

  // Full ids go to the clipboard; the button says so for two seconds.
  async function copy(button) {
    const label = button.getAttribute("aria-label");
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      const text = document.createElement("textarea");
      text.value = button.dataset.copy;
      button.after(text);
      text.select();
      document.execCommand("copy");
      text.remove();
      button.focus();
    }
    button.setAttribute("aria-label", document.body.dataset.copied);
    button.classList.add("copied");
    setTimeout(() => { button.setAttribute("aria-label", label); button.classList.remove("copied"); }, 2000);
  }
  document.addEventListener("click", e => {
    const button = e.target.closest("[data-copy]");
    if (button) copy(button);
    const random = e.target.closest("[data-random]"); // 32 bytes that nobody else chose
    if (random) document.getElementById(random.dataset.random).value = [...crypto.getRandomValues(new Uint8Array(32))].map(b => b.toString(16).padStart(2, "0")).join("");
    const news = e.target.closest("[data-news]");
    if (news) { swap(news.parentElement.querySelector("[data-live=list]"), waiting.get(news)); news.hidden = true; }
  });

  // Live pages read themselves again when the feed says so, and take what has changed.
  let feed = "read"; // or live, lost
  function showFeed(root) {
    for (const box of all(".feedstate", root)) for (const e of box.children) e.hidden = !e.classList.contains(feed);
  }
  function setFeed(state) { feed = state; showFeed(document); }

  const waiting = new Map(); // buttons, and the lists that they hold back
  const rows = list => new Set([...all("[data-row]", list)].map(e => e.dataset.row));

  function swap(old, fresh) {
    const known = rows(old);
    if (known.size) for (const e of all("[data-row]", fresh)) if (!known.has(e.dataset.row)) e.classList.add("new");
    const open = [...all("details", old)].map(e => e.open);
    [...all("details", fresh)].forEach((e, i) => { if (open[i]) e.open = true; });
    dress(fresh);
    old.replaceWith(fresh);
  }

  // A list waits while the reader is in it, or has gone below its top.
  function held(list) {
    const news = list.parentElement.querySelector("[data-news]");
    return news && (list.matches(":hover") || list.contains(document.activeElement) || list.getBoundingClientRect().top < 0) ? news : null;
  }

  const sources = new WeakMap(); // the HTML of a part as the server sent it
  function source(e) { if (!sources.has(e)) sources.set(e, e.outerHTML); return sources.get(e); }

  async function read() {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of all("[data-live][id]")) {
      const fresh = page.getElementById(old.id);
      if (!fresh || source(old) === source(fresh)) continue;
      if (old.contains(document.activeElement) && old.dataset.live !== "list") continue;
      const part = document.importNode(fresh, true);
      sources.set(part, source(fresh));
      const news = old.dataset.live === "list" && held(old);
      if (!news) { swap(old, part); continue; }
      const known = rows(old), count = [...rows(part)].filter(r => !known.has(r)).length;
      if (!count) continue;
      waiting.set(news, part);
      news.textContent = count === 1 ? news.dataset.single : news.dataset.news.replace("#", count);
      news.hidden = false;
    }
  }

  let due = false, reading = false, last = 0;
  async function again() {
    due = true;
    if (reading) return;
    reading = true;
    while (due) {
      await new Promise(done => setTimeout(done, Math.max(0, last + 1000 - Date.now())));
      due = false;
      last = Date.now();
      try { await read(); } catch { /* the feed says when the node is back */ }
    }
    reading = false;
  }

  let retry = 1000;
  function follow(query) {
    const events = new EventSource("/v1/events?" + query);
    events.onopen = () => { if (feed === "lost") again(); retry = 1000; setFeed("live"); };
    events.onerror = () => {
      setFeed("lost");
      if (events.readyState !== EventSource.CLOSED) return; // it connects again by itself
      setTimeout(() => follow(query), retry);
      retry = Math.min(retry * 2, 30000);
    };
    for (const kind of ["block", "block-disconnected", "record", "record-disconnected", "pooled", "rejected", "alert", "gap"])
      events.addEventListener(kind, again);
    addEventListener("pagehide", () => events.close(), { once: true });
    return events;
  }

  for (const e of all("[data-live][id]")) source(e);
  dress(document);
  if (all("[data-age]").length) setInterval(age, 1000);
  if (document.body.dataset.events) {
    follow(document.body.dataset.events);
    addEventListener("pageshow", e => { if (e.persisted) { follow(document.body.dataset.events); again(); } });
  }
})();
