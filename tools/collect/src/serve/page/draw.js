// What is drawn: elements, numbers, times. All that comes from elsewhere becomes text, never HTML.

const SVG = "http://www.w3.org/2000/svg";

function made(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
  for (const child of children) {
    element.append(child);
  }
  return element;
}

/** An element with attributes, and with elements or texts in it. */
export function html(tag, attributes = {}, ...children) {
  return made(document.createElement(tag), attributes, children);
}

/** The same of SVG. */
export function svg(tag, attributes = {}, ...children) {
  return made(document.createElementNS(SVG, tag), attributes, children);
}

/** Text in which all that is not printable ASCII can be seen: no byte of a name controls the page. */
export function printable(text) {
  const code = (character) => `\\u{${character.codePointAt(0).toString(16)}}`;
  return String(text).replace(/[^\x20-\x7e]/gu, code);
}

/** A name or an address that leads to its search. */
export function link(text) {
  const shown = printable(text);
  const to = "#" + new URLSearchParams({ q: text });
  return html("a", { href: to, class: "mono", title: shown }, shown);
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fraction = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

export function count(number) {
  return whole.format(number);
}

export function plural(number, one, many) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** How many a second. */
export function rate(number) {
  if (!Number.isFinite(number)) {
    return "–";
  }
  return number < 100 ? fraction.format(number) : count(number);
}

/** A share from 0 to 1; what is not nothing does not look like it. */
export function percent(share) {
  const value = share * 100;
  return value > 0 && value < 0.01 ? "<0.01%" : `${value.toFixed(2)}%`;
}

/** The share of datagrams that never came. */
export function loss(counts) {
  const lost = Math.max(counts.lost, 0);
  return lost > 0 ? lost / (lost + Math.max(counts.datagrams - counts.doubled, 0)) : 0;
}

const two = (number) => String(number).padStart(2, "0");

/** A local time, as one of datetime-local has it. */
export function local(date) {
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${clock(date)}`;
}

function clock(date) {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export function time(milliseconds) {
  return local(new Date(milliseconds)).replace("T", " ");
}

/** A time on an axis that is `length` milliseconds long. */
export function tick(milliseconds, length) {
  const text = time(milliseconds);
  if (length < 86_400_000) {
    return text.slice(11);
  }
  return length < 2 * 86_400_000 ? text.slice(5, 16) : text.slice(0, 10);
}

/** Values as a line with its area, the oldest on the left; `room` values fit. */
export function curve(values, room, className, title) {
  const most = Math.max(1, ...values);
  const step = 100 / Math.max(room - 1, 1);
  const start = 100 - step * Math.max(values.length - 1, 0);
  const at = (value, place) => {
    const x = (start + place * step).toFixed(2);
    return `${x},${(29 - (27 * value) / most).toFixed(2)}`;
  };
  const points = values.map(at).join(" ");
  const area = `${start.toFixed(2)},30 ${points} 100,30`;
  const label = { viewBox: "0 0 100 30", preserveAspectRatio: "none", class: className, role: "img" };
  return svg(
    "svg",
    { ...label, "aria-label": title },
    svg("line", { class: "base", x1: 0, x2: 100, y1: 29.5, y2: 29.5 }),
    ...(values.length > 1
      ? [svg("polygon", { class: "area", points: area }), svg("polyline", { class: "line", points })]
      : []),
  );
}
