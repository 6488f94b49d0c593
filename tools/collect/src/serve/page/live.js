// What comes at this moment: rates and loss by sensor, top lists.

import { count, curve, html, link, loss, percent, plural, printable, rate, svg } from "./draw.js";

/** Rows of each list. */
export const ROWS = 10;

/** Looks whose rates are in the line of a sensor. */
const LOOKS = 60;

/** Seconds that the curve of all has room for, at least. */
const LEAST = 60;

/** Sensors that are shown. */
const SENSORS = 50;

/** Lists, in their order: title, and whether its keys can be searched for. */
const LISTS = [
  ["names", "Names", true],
  ["domains", "Domains", false],
  ["clients", "Clients", true],
  ["resolvers", "Resolvers", false],
  ["addresses", "Addresses", true],
  ["types", "Types", false],
  ["rcodes", "Response codes", false],
];

/** What the sensors had brought at each look. */
const looks = new Map();

const place = (id) => document.getElementById(id);

/** Shows a snapshot. */
export function show(snapshot) {
  const from = Date.parse(snapshot.from);
  const at = Date.parse(snapshot.at);
  const seconds = Math.max((at - from) / 1000, 0);
  const each = (number) => (seconds > 0 ? number / seconds : NaN);
  note(snapshot, at);
  place("covered").textContent =
    snapshot.window === null
      ? `all of ${span(seconds)}`
      : `the last ${span(seconds)}; the curve: ${span(snapshot.seconds.length)}`;
  place("rates").replaceChildren(...rates(snapshot, each));
  place("sensors").replaceChildren(sensors(snapshot, each));
  place("lists").replaceChildren(...LISTS.flatMap((list) => lists(snapshot, list)));
}

function span(seconds) {
  if (seconds < 120) {
    return plural(Math.round(seconds), "second", "seconds");
  }
  return seconds < 7200 ? `${count(seconds / 60)} minutes` : `${count(seconds / 3600)} hours`;
}

/** Takes note of what each sensor has brought since the look before. */
function note(snapshot, at) {
  const here = new Set();
  for (const { sensor, total } of snapshot.sensors) {
    here.add(sensor);
    const look = looks.get(sensor) ?? { rates: [] };
    const passed = (at - look.at) / 1000;
    if (passed > 0 && total.records >= look.records) {
      look.rates.push((total.records - look.records) / passed);
      look.rates.splice(0, look.rates.length - LOOKS);
    }
    if (!(passed <= 0)) {
      looks.set(sensor, { rates: look.rates, at, records: total.records });
    }
  }
  for (const sensor of looks.keys()) {
    if (!here.has(sensor)) {
      looks.delete(sensor);
    }
  }
}

function rates(snapshot, each) {
  const last = snapshot.seconds.slice(-5);
  const mean = (name) => last.reduce((sum, second) => sum + second[name], 0) / last.length;
  const lost = loss(snapshot.recent);
  const now = (name) => (snapshot.window === null ? each(snapshot.recent[name]) : mean(name));
  const figure = (name, value, wrong = false) => [
    html("dt", {}, name),
    html("dd", wrong ? { class: "wrong" } : {}, value),
  ];
  const values = snapshot.seconds.map((second) => second.records);
  const most = count(Math.max(0, ...values));
  return [
    html(
      "dl",
      { class: "figures" },
      ...figure("records/s", rate(now("records"))),
      ...figure("datagrams/s", rate(now("datagrams"))),
      ...figure("datagrams lost", percent(lost), lost > 0),
    ),
    curve(values, Math.max(values.length, LEAST), "history", `records a second, ${most} at most`),
  ];
}

function sensors(snapshot, each) {
  if (snapshot.sensors.length === 0) {
    return html("p", { class: "note" }, "Nothing has come yet. Sensors send to the address of --listen.");
  }
  const rows = [...snapshot.sensors];
  rows.sort((one, other) => other.recent.records - one.recent.records);
  const head = (name, classes = "number") => html("th", { scope: "col", class: classes }, name);
  const shown = rows.slice(0, SENSORS).map((row) => sensor(row, each));
  const table = html(
    "table",
    { "aria-labelledby": "sensors-title" },
    html(
      "thead",
      {},
      html(
        "tr",
        {},
        head("sensor", ""),
        head("2 minutes", ""),
        head("records/s"),
        head("datagrams/s", "number rare"),
        head("lost"),
        head("loss"),
        head("late", "number rare"),
        head("twice", "number rare"),
        head("restarts", "number rare"),
      ),
    ),
    html("tbody", {}, ...shown),
  );
  const more = rows.length - SENSORS;
  const said = html("p", { class: "note" }, `${plural(more, "more sensor", "more sensors")}, which brought less`);
  return more > 0 ? html("div", {}, table, said) : table;
}

function sensor(row, each) {
  const { recent } = row;
  const cell = (text, classes = "number") => html("td", { class: classes }, text);
  const name = printable(row.sensor);
  const share = loss(recent);
  const bad = share > 0 ? " wrong" : "";
  const line = looks.get(row.sensor)?.rates ?? [];
  return html(
    "tr",
    {},
    html("td", { class: "mono" }, name),
    html("td", {}, curve(line, LOOKS, "spark", `records a second of ${name}`)),
    cell(rate(each(recent.records))),
    cell(rate(each(recent.datagrams)), "number rare"),
    cell(count(recent.lost), `number${bad}`),
    cell(percent(share), `number${bad}`),
    cell(count(recent.late), "number rare"),
    cell(count(recent.doubled), "number rare"),
    cell(count(recent.restarts), "number rare"),
  );
}

function lists(snapshot, [kind, title, isSought]) {
  const list = snapshot.lists[kind];
  if (!list || list.items.length === 0) {
    return [];
  }
  const id = `list-${kind}`;
  return [
    html(
      "section",
      { class: "list", "aria-labelledby": id },
      html("h3", { id }, title, html("span", {}, `of ${count(list.total)}`)),
      html("ol", {}, ...list.items.map((item) => entry(item, list.total, isSought))),
    ),
  ];
}

function entry({ key, count: number, error }, total, isSought) {
  const share = total > 0 ? Math.min(number / total, 1) : 0;
  const shown = isSought ? link(key) : html("span", { class: "mono", title: printable(key) }, printable(key));
  const off = error > 0 ? `−${count(error)}` : "";
  // It may be no more than its error.
  const unsure = error * 2 > number ? { class: "unsure" } : {};
  return html(
    "li",
    unsure,
    html("span", { class: "key" }, shown),
    html("span", { class: "number" }, count(number)),
    html("span", { class: "number error" }, off),
    html("span", { class: "number error" }, percent(share)),
    svg(
      "svg",
      { viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "share", width: share, height: 1 }),
    ),
  );
}
