// ---- the map ----------------------------------------------------------------------------------

const SIZE = 440, RADIUS = 196;
let shown = [], font = 11.5;

/** Draw all songs as dots, the results with their titles, and the query as a star. */
function drawMap() {
  if (!points) return;
  const svg = $("map"), side = sideOfMap();
  svg.replaceChildren();
  hideTip();
  shown = [];
  font = 11.5 / (($("frame").clientWidth || SIZE) / SIZE); // titles are as large on a small map
  svg.style.fontSize = `${font}px`;
  draw("circle", { class: "rim", cx: SIZE / 2, cy: SIZE / 2, r: RADIUS + 8 }, svg);
  const toMap = (point) => mapped(point, points.frames[side]);
  const at = (sidesOfMap()[side] ?? []).map((point) => point && toMap(point)), found = foundOnMap(side, toMap), taken = [];
  svg.classList.toggle("many", at.length > 400);
  at.forEach((place, i) => {
    if (!place) return; // this song lacks the view
    const [x, y] = place;
    draw("circle", { class: "dot", cx: x, cy: y, r: at.length > 400 ? 1.8 : 2.8 }, svg);
    shown.push({ x, y, title: points.titles[i], position: points.positions[i] });
  });
  const star = answer?.query && answer.asked !== "like" && answer.understood !== false ? toMap(answer.query) : null;
  if (star) taken.push(boxAround(star, 10));
  for (const one of found) taken.push(boxAround([one.x, one.y], 4));
  for (const one of found) resultOnMap(one, taken, svg);
  if (star) {
    draw("path", { class: "star", d: starPath(star, 11) }, svg);
    shown.push({ x: star[0], y: star[1], title: "your query", position: null });
  }
  otherTitles(taken, svg);
  draw("circle", { class: "ring", id: "ring", r: 8, visibility: "hidden" }, svg);
  $("caption").textContent = caption(side);
}

/** Say what the map shows, and how many songs are not on it. */
function caption(side) {
  const n = points.positions.length;
  const some = n < points.items ? ` It shows ${n.toLocaleString("en")} of ${counted(points.items, "song")}.` : "";
  const isMissing = points.views?.[side].some((point) => !point);
  const lacking = isMissing ? ` Songs without ${labelOf(side)} are not on it.` : "";
  return `Songs that are alike are close together. Choose a dot for more like that song.${some}${lacking}`;
}

/** Return the points of the songs by view. */
const sidesOfMap = () => points.views ?? points;

/** Return the point of a result in a view. */
const pointOf = (hit, side) => points.views ? hit.points?.[side] : hit[side];

/** Return the view whose points are compared with the query. */
function sideOfMap() {
  if (points.views) return answer?.find ?? usualView();
  const wanted = answer?.asked === "sound" ? "lyrics" : "sound";
  return points[wanted] ? wanted : wanted === "sound" ? "lyrics" : "sound";
}

function foundOnMap(side, toMap) {
  if (!answer) return [];
  const hits = new Map();
  for (const item of cards().reverse()) hits.set(item.hit.position, { ...item.hit, kind: item.kind });
  const placed = [...hits.values()].filter((hit) => pointOf(hit, side));
  return placed.map((hit) => ({ ...hit, x: toMap(pointOf(hit, side))[0], y: toMap(pointOf(hit, side))[1] })).sort((a, b) => rankOf(a) - rankOf(b));
}

const rankOf = (hit) => ({ seed: -2, words: -1, sound: hit.place })[hit.kind];

/** Place a point on the map in the direction that it has from the center; far ones come near the rim. */
function mapped([x, y], { center, radius }) {
  const dx = x - center[0], dy = y - center[1], far = Math.hypot(dx, dy) / radius;
  const scale = RADIUS / radius / Math.sqrt(1 + far ** 2);
  return [round(SIZE / 2 + dx * scale), round(SIZE / 2 - dy * scale)];
}

const round = (value) => Math.round(10 * value) / 10;
const boxAround = ([x, y], half) => [x - half, y - half, x + half, y + half];

function starPath([x, y], size) {
  const corners = Array.from({ length: 10 }, (_, i) => {
    const angle = (Math.PI * i) / 5, far = i % 2 ? 0.45 * size : size;
    return `${round(x + far * Math.sin(angle))} ${round(y - far * Math.cos(angle))}`;
  });
  return `M${corners.join("L")}Z`;
}

/** Draw a result as a link to its card, with its title if there is room. */
function resultOnMap(hit, taken, svg) {
  const link = draw("g", { class: `point ${hit.kind}`, role: "link", tabindex: 0, "data-position": hit.position }, svg);
  link.setAttribute("aria-label", hit.title);
  draw("circle", { cx: hit.x, cy: hit.y, r: 5 }, link);
  const text = label(hit, taken, link);
  if (text) text.classList.add("of-result");
  const open = () => { const item = cards().find((one) => one.hit.position === hit.position); if (item) focusCard(item); };
  link.addEventListener("click", open);
  link.addEventListener("keydown", (event) => { if (event.key === "Enter") open(); });
  for (const [on, off] of [["mouseenter", "mouseleave"], ["focus", "blur"]]) {
    link.addEventListener(on, () => { light(hit.position, true); showTip(hit); });
    link.addEventListener(off, () => { light(hit.position, false); hideTip(); });
  }
}

/** Write the titles of some other songs where nothing is in the way. */
function otherTitles(taken, svg) {
  const step = Math.max(1, Math.floor(shown.length / 60)), most = answer ? 6 : 14;
  let written = 0;
  for (let i = 0; i < shown.length && written < most; i += step) {
    const song = shown[i];
    if (song.position === null || answer && found(song.position)) continue;
    if (label(song, taken, svg, true)) written++;
  }
}

const found = (position) => document.querySelector(`#map .point[data-position="${position}"]`);

/** Write a title beside a point; return null if there is no room for it. */
function label({ x, y, title }, taken, parent, isQuiet = false) {
  const text = shorten(title, isQuiet ? 20 : 26), wide = 0.53 * font * text.length;
  for (const [anchor, left, base] of spotsAround(x, y, isQuiet)) {
    const from = anchor === "start" ? left : anchor === "end" ? left - wide : left - wide / 2;
    const box = [from - 2, base - font, from + wide + 2, base + 0.35 * font];
    if (box[0] < 2 || box[2] > SIZE - 2 || box[1] < 2 || box[3] > SIZE - 2) continue;
    if (taken.some((other) => overlap(box, other))) continue;
    taken.push(box);
    if (Math.hypot(left - x, base - 4 - y) > 15) draw("path", { class: "leader", d: `M${x} ${y}L${left} ${base - 4}` }, parent);
    const element = draw("text", { class: "label", x: left, y: base, "text-anchor": anchor }, parent);
    element.textContent = text;
    return element;
  }
  return null;
}

/** Return the anchor and the place of a title on all sides of a point; those of results may be farther. */
function spotsAround(x, y, isQuiet) {
  const spots = [];
  for (const gap of isQuiet ? [6] : [9, 20, 32, 44]) {
    const side = 0.7 * gap;
    spots.push(["start", x + gap, y + 4], ["end", x - gap, y + 4], ["middle", x, y - gap - 2], ["middle", x, y + gap + 11]);
    if (gap > 9) spots.push(["start", x + side, y - side], ["start", x + side, y + side + 8], ["end", x - side, y - side], ["end", x - side, y + side + 8]);
  }
  return spots;
}

const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

function lightPoint(position, on) {
  found(position)?.classList.toggle("lit", on);
}

function showTip({ x, y, title }) {
  const tip = $("tip"), frame = $("frame"), unit = frame.clientWidth / SIZE;
  tip.textContent = title;
  tip.hidden = false;
  const left = clamp(x * unit - tip.offsetWidth / 2, 4, frame.clientWidth - tip.offsetWidth - 4);
  const above = y * unit - tip.offsetHeight - 14;
  tip.style.left = `${left}px`;
  tip.style.top = `${above < 4 ? y * unit + 14 : above}px`;
}

function hideTip() {
  $("tip").hidden = true;
  $("ring")?.setAttribute("visibility", "hidden");
}

/** Return the point nearest to the pointer; the points themselves are too small to hit. */
function nearest(event) {
  const box = $("map").getBoundingClientRect(), unit = box.width / SIZE;
  const x = (event.clientX - box.left) / unit, y = (event.clientY - box.top) / unit;
  let best = null, least = 14;
  for (const one of shown) {
    const far = Math.hypot(one.x - x, one.y - y);
    if (far < least) [best, least] = [one, far];
  }
  return best;
}

function pointAt(event) {
  if (event.target.closest(".point")) return;
  const one = nearest(event);
  if (!one) return hideTip();
  const ring = $("ring");
  ring.setAttribute("cx", one.x);
  ring.setAttribute("cy", one.y);
  ring.setAttribute("visibility", "visible");
  showTip(one);
}

new ResizeObserver(() => drawMap()).observe($("frame"));
$("map").addEventListener("pointermove", pointAt);
$("map").addEventListener("pointerdown", pointAt);
$("map").addEventListener("pointerleave", hideTip);
$("map").addEventListener("click", (event) => {
  const one = event.target.closest(".point") ? null : nearest(event);
  if (one && one.position !== null) go({ like: one.position });
});
