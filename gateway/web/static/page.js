// Owns what a page does in the browser: stays live, counts a text, shows times in the reader's zone, copies, takes keys.
// Knows no content: regions are fetched from the server, which renders the same page; every page works without this.

const root = document.documentElement;
const base = root.dataset.base;
const policy = window.trustedTypes ? window.trustedTypes.createPolicy("regions", {createHTML: (html) => html}) : null;
const byId = (id) => document.getElementById(id);
const remembered = {
  get(name) { try { return localStorage.getItem(name); } catch { return null; } },
  set(name, value) { try { localStorage.setItem(name, value); } catch { /* private window: nothing is kept */ } },
};

// ------------------------------------------------------------------ times

const FORMS = {
  time: {hour: "2-digit", minute: "2-digit", second: "2-digit"},
  ms: {hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3},
  date: {year: "numeric", month: "short", day: "numeric"},
  both: {month: "short", day: "numeric", hour: "2-digit", minute: "2-digit"},
};

function showTimes(within) {
  for (const time of within.querySelectorAll("time[data-as]")) {
    const at = new Date(time.dateTime);
    const form = {...FORMS[time.dataset.as]};
    if (time.dataset.as === "time" && at.toDateString() !== new Date().toDateString()) {
      Object.assign(form, {month: "short", day: "numeric", second: undefined});
    }
    if (time.dataset.as === "both" && at.getFullYear() !== new Date().getFullYear()) form.year = "numeric";
    time.textContent = new Intl.DateTimeFormat(undefined, form).format(at);
  }
  for (const left of within.querySelectorAll("[data-until]")) tickDown(left);
}

function tickDown(left) {
  const seconds = Math.max(0, Math.round((new Date(left.dataset.until) - Date.now()) / 1000));
  left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

setInterval(() => document.querySelectorAll("[data-until]").forEach(tickDown), 1000);

// ------------------------------------------------------------------ live regions

const MOST_PER_S = 4;
const shown = new Map();      // region's id → HTML as the server last sent it
const marked = new Set();     // regions that something has happened to
const held = new Set();       // those of them that somebody uses: fetched when they are let go
let fetching = false;
let lastFetch = 0;
let timer = 0;

const regions = () => [...document.querySelectorAll("[data-live]")];

function mark(kinds) {
  for (const region of regions()) {
    const of = region.dataset.live.split(" ");
    if (!kinds || of.includes("*") || kinds.some((kind) => of.includes(kind))) marked.add(region.id);
  }
  if (marked.size) later();
}

function later() {
  if (timer || fetching) return;
  timer = setTimeout(refetch, Math.max(0, lastFetch + 1000 / MOST_PER_S - Date.now()));
}

async function refetch() {
  timer = 0;
  for (const id of marked) if (busy(byId(id))) { marked.delete(id); held.add(id); }
  const ids = [...marked];
  if (!ids.length) return;
  marked.clear();
  fetching = true;
  lastFetch = Date.now();
  try {
    const headers = {"X-Regions": ids.join(","), Accept: "text/html"};
    // The newest row that a list shows: what is newer is only counted, so that nothing moves under the reader.
    const seen = document.querySelector("[data-seen]")?.dataset.seen;
    if (seen) headers["X-Seen"] = seen;
    if (document.hidden) headers["X-Hidden"] = "1";
    const answer = await fetch(location.href, {headers, redirect: "manual"});
    // Not reload(): where a form was answered, that would send it again.
    if (answer.type === "opaqueredirect") { location.replace(location.href.split("#")[0]); return; }
    if (answer.ok) swap(await answer.text());
  } catch {
    ids.forEach((id) => marked.add(id));
  } finally {
    fetching = false;
  }
  if (marked.size && connected) later();
}

// A form that sends once is another at each making: that alone is no news.
const news = (html) => html.replace(/name="once" value="[^"]*"/g, "");

function swap(html) {
  const parsed = new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
  for (const fresh of parsed.querySelectorAll("[data-live]")) {
    const old = byId(fresh.id);
    const text = news(fresh.outerHTML);
    if (!old || shown.get(fresh.id) === text) continue;
    if (busy(old)) { held.add(fresh.id); continue; }
    shown.set(fresh.id, text);
    replace(old, document.importNode(fresh, true));
  }
  counts();
}

// What no event tells of (a phone that was plugged in, a step that is done) is looked at every few seconds.
let beats = 0;
setInterval(() => {
  beats += 1;
  if (document.hidden || !(connected || polling)) return;
  for (const id of held) if (!busy(byId(id))) { held.delete(id); marked.add(id); }
  for (const region of document.querySelectorAll("[data-poll]")) if (beats % region.dataset.poll === 0) marked.add(region.id);
  if (marked.size) later();
}, 1000);

// Who comes back to a tab sees what it did not ask for meanwhile, and only now has read what came.
document.addEventListener("visibilitychange", () => { if (!document.hidden) mark(null); });

function busy(region) {
  if (!region) return false;
  const field = document.activeElement;
  const writes = field && region.contains(field) && /^(INPUT|TEXTAREA|SELECT)$/.test(field.tagName);
  // What was typed and not sent yet stands nowhere else.
  const fields = region.querySelectorAll("input:not([type=hidden]):not([type=checkbox]):not([type=radio]), textarea");
  const typed = [...fields].some((each) => each.value !== each.defaultValue);
  const selection = getSelection();
  const selects = selection && !selection.isCollapsed && region.contains(selection.anchorNode);
  return writes || typed || selects || region.querySelector("button:active, a:active");
}

// What an element does: by it that is found again which has the keyboard. Figures in its words may have changed.
function deed(each) {
  const says = each.form?.querySelectorAll("input[type=hidden]:not([name=once])") ?? [];
  return each.id || each.getAttribute("href") || each.dataset.copy
    || [each.form?.getAttribute("action"), ...[...says].map((field) => field.value), each.textContent.replace(/\d/g, "")].join("\n");
}

function replace(old, fresh) {
  const open = new Set([...old.querySelectorAll("details[open][id]")].map((each) => each.id));
  for (const each of fresh.querySelectorAll("details[id]")) if (open.has(each.id)) each.open = true;
  const ticked = new Set([...old.querySelectorAll("input[type=checkbox]:checked")].map((each) => each.value));
  for (const each of fresh.querySelectorAll("input[type=checkbox]")) if (ticked.has(each.value)) each.checked = true;
  const scrolled = [...old.querySelectorAll("[id]")].filter((each) => each.scrollTop || each.scrollLeft)
    .map((each) => [each.id, each.scrollLeft, each.scrollTop]);
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const does = focused && deed(focused);
  const equals = (region) => [...region.querySelectorAll(focused.localName)].filter((each) => deed(each) === does);
  const nth = focused && equals(old).indexOf(focused);
  showTimes(fresh);
  prepare(fresh);
  old.replaceWith(fresh);
  for (const [id, left, top] of scrolled) byId(id)?.scrollTo(left, top);
  if (!focused) return;
  equals(fresh)[nth]?.focus({preventScroll: true});
  if (fresh.contains(document.activeElement)) return;
  // It is gone: the next Tab goes on from here, not from the top of the page.
  fresh.tabIndex = -1;
  fresh.focus({preventScroll: true});
}

function counts() {
  for (const source of document.querySelectorAll("[data-counts]")) {
    for (const [name, n] of Object.entries(JSON.parse(source.dataset.counts))) {
      for (const place of document.querySelectorAll(`[data-count="${name}"]`)) place.textContent = n || "";
    }
  }
}

// ------------------------------------------------------------------ the link to the server

const FIRST_RETRY_MS = 500;
const pill = byId("link-state");
let connected = false;
let failures = 0;
let since = null;
let cursor = null;

function say(state) {
  if (!pill) return;
  pill.hidden = false;
  const words = {live: pill.dataset.liveWord, again: pill.dataset.againWord, since: pill.dataset.sinceWord};
  const at = since && new Intl.DateTimeFormat(undefined, {hour: "2-digit", minute: "2-digit"}).format(since);
  pill.textContent = state === "since" ? `${words.since} ${at}` : words[state];
  pill.className = `pill ${state === "live" ? "good" : "warn"}`;
}

function up() {
  connected = true;
  failures = 0;
  since = null;
  say("live");
  mark(null);
}

function down(retry) {
  connected = false;
  since ??= new Date();
  failures += 1;
  say(Date.now() - since > 10000 ? "since" : "again");
  setTimeout(retry, Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures, 4), 5000) * (0.75 + Math.random() / 2));
}

function happened(event) {
  if (event.cursor) cursor = event.cursor;
  const kind = String(event.type).split(".")[0];
  if (kind === "heartbeat" || kind === "auth") return;
  mark(event.type === "message.received" ? ["inbound", "message"] : [kind]);
}

function overSocket() {
  const address = new URL(`${base}/api/v1/events/ws`, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  if (cursor !== null) address.searchParams.set("after", cursor);
  let opened = false;
  const socket = new WebSocket(address);
  socket.onopen = () => { opened = true; up(); };
  socket.onmessage = (message) => happened(JSON.parse(message.data));
  socket.onclose = () => {
    if (!opened && failures >= 2) { overStream(); return; }
    down(overSocket);
  };
  addEventListener("pagehide", () => {
    socket.onclose = null;
    if (socket.readyState === WebSocket.OPEN) socket.close();
  }, {once: true});
}

function overStream() {
  let opened = false;
  const stream = new EventSource(`${base}/api/v1/events`);
  stream.onopen = () => { opened = true; up(); };
  for (const type of pill.dataset.events.split(" ")) stream.addEventListener(type, () => happened({type}));
  stream.onerror = () => {
    stream.close();
    if (!opened) { poll(); }
    down(overSocket);
  };
}

let polling = 0;
function poll() {
  polling ||= setInterval(() => { if (!connected) mark(null); }, 10000);
}

// ------------------------------------------------------------------ the text counter

function counter(form) {
  const text = form.querySelector("textarea[name=text]");
  const out = form.querySelector("[data-counter]");
  if (!text || !out) return;
  let asked = 0;
  let wait = 0;
  const measure = async () => {
    const mine = ++asked;
    if (!text.value) { out.textContent = out.dataset.empty; form.querySelector("[data-plain]").hidden = true; return; }
    try {
      const answer = await fetch(`${base}/api/v1/messages/preview`, {
        method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({text: text.value}),
      });
      if (mine === asked && answer.ok) show(form, out, await answer.json());
    } catch { /* the server counts again when the form is sent */ }
  };
  text.addEventListener("input", () => { clearTimeout(wait); wait = setTimeout(measure, 150); });
  if (text.value) measure();
}

// A button that is being pressed must not move away, or be exchanged, before it is let go.
function released() {
  return new Promise((done) => {
    const look = () => { if (document.querySelector("button:active, a:active")) setTimeout(look, 50); else done(); };
    look();
  });
}

// Numbers are shown back as the server reads them, and what it would cost, when a field is left.
const SAID_BACK = ["chips", "estimate", "sends"];
function numbers(form) {
  if (!form.querySelector("textarea[name=to]")) return;
  form.addEventListener("change", async (change) => {
    if (!["to", "text", "line"].includes(change.target.name)) return;
    try {
      const answer = await fetch(form.action, {
        method: "POST", headers: {"X-Regions": SAID_BACK.join(","), Accept: "text/html"}, body: new URLSearchParams(new FormData(form)),
      });
      if (!answer.ok) return;
      const html = await answer.text();
      await released();
      const parsed = new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
      for (const id of SAID_BACK) {
        const fresh = parsed.getElementById(id);
        if (fresh) byId(id)?.replaceWith(document.importNode(fresh, true));
      }
    } catch { /* they are read again when the form is sent */ }
  });
}

function show(form, out, measured) {
  const total = measured.units_used + measured.units_left;
  const say = (name, values) => out.dataset[name].replace(/\{(\w+)\}/g, (all, key) => values[key] ?? all);
  const words = [say(measured.parts === 1 ? "one" : "many", {used: measured.units_used, total, parts: measured.parts})];
  if (measured.encoding === "ucs2" && measured.forces_ucs2.length) {
    const characters = [...new Set(measured.forces_ucs2.map((each) => each.character))].slice(0, 5);
    words.push(say("unicode", {characters: characters.join(" ")}));
  }
  if (!measured.fits) words.push(say("toolong", {most: measured.max_parts}));
  out.textContent = words.join(" · ");
  out.classList.toggle("warn", !measured.fits);
  const plain = form.querySelector("[data-plain]");
  const saves = measured.gsm7_text && measured.gsm7_parts < measured.parts;
  plain.hidden = !saves;
  plain.dataset.text = saves ? measured.gsm7_text : "";
}

// ------------------------------------------------------------------ small things

async function copy(button) {
  const source = byId(button.dataset.copy);
  const text = source.value ?? source.textContent;
  let done = false;
  try {
    if (navigator.clipboard && window.isSecureContext) { await navigator.clipboard.writeText(text); done = true; }
  } catch { /* refused: the old way below */ }
  if (!done) {
    const range = document.createRange();
    range.selectNodeContents(source);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    if (source.select) source.select();
    try { done = document.execCommand("copy"); } catch { done = false; }
  }
  button.dataset.label ??= button.textContent;
  button.textContent = done ? button.dataset.done : button.dataset.byHand;
  setTimeout(() => { button.textContent = button.dataset.label; }, 4000);
}

function prepare(within) {
  for (const form of within.querySelectorAll("form[data-compose]")) { counter(form); numbers(form); }
  for (const zone of within.querySelectorAll("[data-zone]")) zone.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const button of within.querySelectorAll("[data-copy]")) button.hidden = false;
  for (const all of within.querySelectorAll("[data-all]")) all.hidden = false;
}

document.addEventListener("click", (click) => {
  const target = click.target.closest("[data-copy], [data-plain], [data-all]");
  if (target?.matches("[data-copy]")) copy(target);
  if (target?.matches("[data-plain]")) {
    const text = target.form.querySelector("textarea[name=text]");
    text.value = target.dataset.text;
    text.dispatchEvent(new Event("input"));
    text.focus();
  }
  if (target?.matches("[data-all]")) {
    for (const box of target.closest("form").querySelectorAll("input[type=checkbox]")) box.checked = target.checked;
  }
  for (const menu of document.querySelectorAll("details.more[open]")) if (!menu.contains(click.target)) menu.open = false;
});

document.addEventListener("submit", (submit) => {
  // Twice pressed is once sent; the back button finds a button that works again.
  const button = submit.submitter;
  if (submit.target.method !== "post" || !button) return;
  setTimeout(() => { button.disabled = true; });
  setTimeout(() => { button.disabled = false; }, 3000);
});

document.addEventListener("keydown", (key) => {
  if (key.key === "Escape") for (const menu of document.querySelectorAll("details.more[open]")) menu.open = false;
  const typing = key.target.closest("input, textarea, select, [contenteditable]");
  if (typing || key.ctrlKey || key.metaKey || key.altKey || remembered.get("keys") === "off") return;
  if (key.key === "/") {
    const search = document.querySelector("input[type=search]");
    key.preventDefault();
    if (search) search.focus(); else location.href = `${base}/messages#search`;
  } else if (key.key === "n") {
    key.preventDefault();
    location.href = `${base}/send`;
  } else if (key.key === "?") {
    byId("keys").showModal();
  }
});

const off = byId("keys-off");
if (off) {
  off.checked = remembered.get("keys") === "off";
  off.addEventListener("change", () => remembered.set("keys", off.checked ? "off" : "on"));
}

// The one-time link carries its token behind the #, where no server sees it.
// Pasted where the sign-in page is open already, only the hash changes and nothing is loaded again.
const signIn = byId("sign-in");
function comeIn() {
  if (location.hash.length <= 20) return;
  signIn.elements.secret.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname + location.search);
  signIn.requestSubmit();
}
if (signIn) {
  comeIn();
  addEventListener("hashchange", comeIn);
}
// So does the link of a pairing its code.
const openApp = byId("open-app");
if (openApp && /^#[0-9A-Z]{20,40}$/.test(location.hash)) {
  openApp.href += location.hash.slice(1);
  openApp.hidden = false;
}
if (location.hash === "#search") document.querySelector("input[type=search]")?.focus();

for (const region of regions()) shown.set(region.id, news(region.outerHTML));
showTimes(document);
prepare(document);
counts();
document.querySelector("[autofocus], [aria-invalid=true]")?.focus();
if (pill) overSocket();
