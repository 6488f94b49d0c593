// The search, and what is asked of the service and when.

import { count, html, link, local, plural, printable, svg, tick, time } from "./draw.js";
import { ROWS, show } from "./live.js";

/** Milliseconds between two looks at what comes, and at most while the service is away. */
const LOOK = 2000;
const LOOK_AT_MOST = 20_000;

/** How long an answer may take. */
const PATIENCE = 30_000;

/** Rows of a search, and links of a lane. */
const LIMIT = 300;
const LINKS = 3;

/** What the bars of a time line mean. */
const LEGEND = "strong: first to last look-up; pale: how long that held";

/** Where the token is kept, until the tab is closed. */
const TOKEN = "dnsflow-token";

const place = (id) => document.getElementById(id);

/** Why the service did not answer as it should, in words. */
class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function ask(path) {
  const token = sessionStorage.getItem(TOKEN);
  let response;
  try {
    response = await fetch(path, {
      headers: token ? { Authorization: `Bearer ${token}` } : {},
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch (error) {
    const late = error.name === "TimeoutError";
    throw new Refused(0, late ? "the service takes too long to answer" : "the service can't be reached");
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) {
    return answer;
  }
  throw new Refused(response.status, answer?.error ?? `the service answers with status ${response.status}`);
}

// The token.

function demand(isDemanded) {
  const door = place("door");
  if (isDemanded && door.hidden) {
    const isWrong = sessionStorage.getItem(TOKEN) !== null;
    place("door-title").textContent = isWrong
      ? "The service demands another token"
      : "This service demands a token";
    door.hidden = false;
    place("token").focus();
  } else if (!isDemanded) {
    door.hidden = true;
  }
}

place("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  // A header takes nothing else, and no token has it.
  const token = place("token").value.trim();
  if (/^[\x21-\x7e]+$/.test(token)) {
    sessionStorage.setItem(TOKEN, token);
  }
  place("token").value = "";
  place("door").hidden = true;
  place("q").focus();
  look();
  search();
});

// What comes.

let timer;
let pause = LOOK;
let isPaused = false;
let looking = false;

function say(text, isWrong = false) {
  const state = place("state");
  if (state.textContent !== text) {
    state.textContent = text;
  }
  state.classList.toggle("wrong", isWrong);
}

async function look() {
  if (looking) {
    return;
  }
  looking = true;
  clearTimeout(timer);
  try {
    const snapshot = await ask(`live?rows=${ROWS}`);
    const isHeld = isPaused || place("lists").contains(document.activeElement);
    if (!isHeld) {
      show(snapshot);
    }
    say(isPaused ? "paused" : isHeld ? "held while a row has the focus" : "live");
    demand(false);
    pause = LOOK;
  } catch (error) {
    const isDemanded = error.status === 401;
    demand(isDemanded);
    say(isDemanded ? "a token is demanded" : `${error.message}; trying again`, true);
    pause = Math.min(pause * 1.5, LOOK_AT_MOST);
  }
  looking = false;
  if (place("door").hidden && !document.hidden) {
    timer = setTimeout(look, pause);
  }
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) {
    look();
  }
});

place("pause").addEventListener("click", () => {
  isPaused = !isPaused;
  place("pause").setAttribute("aria-pressed", String(isPaused));
  place("pause").textContent = isPaused ? "Go on" : "Pause";
  look();
});

// The search.

const between = [...document.querySelectorAll(".between")];

function showBetween() {
  const isBetween = place("last").value === "between";
  between.forEach((field) => (field.hidden = !isBetween));
  if (isBetween && place("since").value === "") {
    const now = Date.now();
    place("since").value = local(new Date(now - 3_600_000));
    place("until").value = local(new Date(now));
  }
}

place("last").addEventListener("change", showBetween);

place("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = new URLSearchParams();
  const q = place("q").value.trim();
  if (q) {
    wanted.set("q", q);
  }
  const last = place("last").value;
  if (last === "between") {
    for (const end of ["since", "until"]) {
      const at = Date.parse(place(end).value);
      if (!Number.isNaN(at)) {
        wanted.set(end, new Date(at).toISOString());
      }
    }
  } else if (last) {
    wanted.set("last", last);
  }
  const hash = q ? `#${wanted}` : "";
  if (location.hash === hash) {
    search();
  } else {
    location.hash = hash;
  }
});

window.addEventListener("hashchange", search);

/** Makes the search of the address line, and shows it in the form. */
async function search() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const q = wanted.get("q") ?? "";
  place("q").value = q;
  place("results").hidden = q === "";
  document.title = q ? `${printable(q)} – dnsflow` : "dnsflow";
  const last = Number(wanted.get("last"));
  const isBetween = wanted.has("since") || wanted.has("until");
  for (const end of ["since", "until"]) {
    const at = Date.parse(wanted.get(end));
    place(end).value = Number.isNaN(at) ? "" : local(new Date(at));
  }
  place("last").value = isBetween ? "between" : last > 0 ? String(last) : "";
  showBetween();
  if (q === "") {
    return;
  }
  const asked = new URLSearchParams({ q, limit: LIMIT });
  if (last > 0) {
    asked.set("since", new Date(Date.now() - last * 1000).toISOString());
  }
  for (const end of ["since", "until"].filter((end) => wanted.get(end))) {
    asked.set(end, wanted.get(end));
  }
  const hash = location.hash;
  const said = place("said");
  said.classList.remove("wrong");
  place("results-title").textContent = printable(q);
  // A link that leads here may be far below, or about to go.
  if (document.activeElement.matches("#found a, #lists a")) {
    place("results-title").focus();
  }
  said.textContent = "searching";
  place("found").replaceChildren();
  try {
    const started = performance.now();
    const found = await ask(`search?${asked}`);
    if (location.hash === hash) {
      const took = Math.round(performance.now() - started);
      said.textContent = summary(found, took);
      place("found").replaceChildren(...groups(q, found.rows));
    }
  } catch (error) {
    if (location.hash === hash) {
      demand(error.status === 401);
      said.textContent = error.message;
      said.classList.add("wrong");
    }
  }
}

/** What was found, in words. */
function summary({ rows, more, looked, partial }, took) {
  const of = partial ? "a part of the map, which is too large to look at all of it" : "all";
  const where = `looked at ${of}: ${plural(looked, "entry", "entries")} in ${count(took)} ms`;
  if (rows.length === 0) {
    return `Nobody was told anything of it in that time, as far as the map knows; ${where}.`;
  }
  const shown = more > 0 ? `the latest ${count(rows.length)} of ${count(rows.length + more)}` : count(rows.length);
  return `${shown} ${rows.length === 1 && more === 0 ? "entry" : "entries"}; ${where}.`;
}

/** Entries by what they say of that which is sought, each group on a time line of its own. */
function groups(q, rows) {
  const address = addressOf(q);
  if (address === null) {
    return group("Addresses", "client", rows, (row) => row.address, (row) => row.client);
  }
  const isAsked = (row) => row.client === address && row.address !== address;
  const told = rows.filter((row) => !isAsked(row));
  const asked = rows.filter(isAsked);
  return [
    ...group("Names that this address stood for", "client", told, (row) => row.question, (row) => row.client),
    ...group("What this client asked for", "address", asked, (row) => row.question, (row) => row.address),
  ];
}

/** An address as the service writes it; null if a name is sought. */
function addressOf(q) {
  if (q.includes(":")) {
    try {
      return new URL(`http://[${q}]`).hostname.slice(1, -1);
    } catch {
      // Labels may have colons.
      return null;
    }
  }
  return /^\d+\.\d+\.\d+\.\d+$/.test(q) ? q : null;
}

function group(title, other, rows, key, partner) {
  if (rows.length === 0) {
    return [];
  }
  const lanes = new Map();
  for (const row of rows) {
    const lane = lanes.get(key(row)) ?? { rows: [], partners: new Set(), via: new Set() };
    lane.rows.push(row);
    lane.partners.add(partner(row));
    const way = title === "Addresses" ? row.chain : row.chain.slice(1);
    if (way.length > 0) {
      lane.via.add(way.map(printable).join(" → "));
    }
    lanes.set(key(row), lane);
  }
  const starts = rows.map((row) => Date.parse(row.first));
  const ends = rows.map((row) => Date.parse(row.expiry));
  const axis = { start: Math.min(...starts), end: Math.max(...ends) };
  axis.length = Math.max(axis.end - axis.start, 1000);
  const marks = [0, 0.5, 1].map((part) => axis.start + part * axis.length);
  const head = html(
    "li",
    { class: "lane head", "aria-hidden": "true" },
    html("span", {}, title === "Addresses" ? "address" : "name"),
    html("span", { class: "axis" }, ...marks.map((at) => html("span", {}, tick(at, axis.length)))),
    html("span", {}, other === "client" ? "clients" : "addresses"),
    html("span", { class: "number" }, "last look-up"),
  );
  const drawn = [...lanes].map(([name, lane]) => laneOf(name, lane, axis));
  return [
    html("div", { class: "group" }, html("h3", {}, title, html("span", { class: "key" }, LEGEND)), html("ol", { class: "lanes" }, head, ...drawn)),
  ];
}

function laneOf(name, lane, axis) {
  const last = Math.max(...lane.rows.map((row) => Date.parse(row.last)));
  const partners = [...lane.partners];
  const more = partners.length - LINKS;
  const via = [...lane.via].slice(0, LINKS);
  return html(
    "li",
    { class: "lane" },
    html("div", {}, link(name), ...via.map((text) => html("div", { class: "via mono" }, text))),
    track(name, lane.rows, axis),
    html(
      "div",
      { class: "with" },
      ...partners.slice(0, LINKS).map(link),
      more > 0 ? html("span", { class: "more" }, `and ${count(more)} more`) : "",
    ),
    html("div", { class: "when number" }, time(last)),
  );
}

/** When a name held: from the first look-up to the last one, and as long as that holds. */
function track(name, rows, axis) {
  const at = (text) => (1000 * (Date.parse(text) - axis.start)) / axis.length;
  const bar = (from, to, className, least) => {
    const width = Math.max(to - from, least);
    return svg("rect", { class: className, x: Math.min(from, 1000 - width), y: 4, width, height: 8 });
  };
  const grace = rows.map((row) => bar(at(row.last), at(row.expiry), "grace", 0));
  const held = rows.map((row) => bar(at(row.first), at(row.last), "held", 3));
  const grid = [250, 500, 750].map((x) => svg("line", { class: "grid", x1: x, x2: x, y1: 0, y2: 16 }));
  const first = rows.map((row) => row.first).reduce((one, other) => (one < other ? one : other));
  const title = `${printable(name)}: from ${time(Date.parse(first))}`;
  return svg(
    "svg",
    { class: "track", viewBox: "0 0 1000 16", preserveAspectRatio: "none", role: "img", "aria-label": title },
    ...grid,
    ...grace,
    ...held,
  );
}

look();
search();
