// ---- results ----------------------------------------------------------------------------------

let n_panels = 0;

/** Return the card of a result. `kind` is "words", "sound" or "seed"; `reply` is the whole answer. */
function card(hit, kind, reply) {
  const item = make("li", `hit ${kind}`);
  item.hit = hit;
  item.kind = kind;
  item.moment = kind === "words" && hit.start !== null ? { start: hit.start, end: hit.end } : null;
  item.tabIndex = -1;
  item.dataset.position = hit.position;
  item.append(playButton(item), body(item, kind, reply));
  for (const [on, off] of [["mouseenter", "mouseleave"], ["focusin", "focusout"]]) {
    item.addEventListener(on, () => light(hit.position, true));
    item.addEventListener(off, () => light(hit.position, false));
  }
  item.addEventListener("focus", () => setStop(item));
  return item;
}

/** Play the song of a card from its moment, pause it, or resume it. */
function toggleCard(item) {
  if (item.hit.has_audio) toggle(item.hit, item.moment?.start ?? 0);
}

function playButton(item) {
  const { hit, moment } = item;
  if (!hit.has_audio) return make("span", "round none", "");
  const play = button("round play", undefined, () => toggleCard(item));
  play.append(icon("play"));
  const from = moment && moment.start >= 1 ? ` from ${clock(moment.start)}` : "";
  play.dataset.label = `${hit.title}${from}`;
  play.setAttribute("aria-label", `Play ${play.dataset.label}`);
  return play;
}

document.addEventListener("progress", () => {
  for (const item of document.querySelectorAll(".hit")) {
    const on = isPlaying(item.hit), play = item.querySelector(".play");
    if (!play || play.classList.contains("on") === on) continue;
    play.classList.toggle("on", on);
    play.replaceChildren(icon(on ? "pause" : "play"));
    play.setAttribute("aria-label", `${on ? "Pause" : "Play"} ${on ? item.hit.title : play.dataset.label}`);
  }
});

function body(item, kind, reply) {
  const { hit, moment } = item, cell = make("div", "about-hit");
  const title = cell.appendChild(make("h3", "title", hit.title));
  title.id = `title-${++n_panels}`;
  item.setAttribute("aria-labelledby", title.id);
  if (hit.group && hit.group !== hit.title) cell.append(make("p", "group", hit.group));
  const words = kind === "words" && hit.line.length ? matchedLine(hit) : excerptOf(hit);
  if (words) cell.append(words);
  if (hit.tags?.length) cell.append(tagsOf(hit.tags, reply.tags));
  if (hit.has_audio) cell.append(waveform(hit, moment));
  cell.append(actions(item, kind, reply));
  return cell;
}

/** Return the line that has the words of the query, with these marked. */
function matchedLine(hit) {
  const line = make("p", "line");
  if (hit.start !== null && hit.has_audio) line.append(timeButton(hit, hit.start));
  if (hit.source === "heard") line.append(make("span", "source", "heard:"), " ");
  for (const [text, isMarked] of hit.line) line.append(isMarked ? make("mark", "", onLines(text)) : onLines(text));
  return line;
}

/** Write lines that are joined by a slash below each other. */
const onLines = (text) => text.replaceAll(" / ", "\n");

function timeButton(song, start) {
  const time = button("time", clock(start), () => playFrom(song, start));
  time.setAttribute("aria-label", `Play ${song.title} from ${clock(start)}`);
  return time;
}

function excerptOf(hit) {
  if (!hit.excerpt) return null;
  const excerpt = make("p", "excerpt");
  if (hit.source === "heard") excerpt.append(make("span", "source", "heard:"), " ");
  excerpt.append(hit.excerpt);
  return excerpt;
}

function actions(item, kind, reply) {
  const row = make("div", "actions"), { hit } = item;
  if (!hit.has_audio) row.append(make("span", "silent", "no audio file"));
  if (hit.position === undefined) return row;
  if (kind !== "seed") row.append(button("link", "More like this", () => go({ like: hit.position })));
  const panel = make("div", "why"), why = button("link", kind === "seed" ? "Words" : "Why this", () => open(why.ariaExpanded !== "true"));
  panel.id = `why-${n_panels}`;
  panel.hidden = true;
  why.setAttribute("aria-controls", panel.id);
  why.ariaExpanded = "false";
  const open = (on) => {
    why.ariaExpanded = String(on);
    panel.hidden = !on;
    if (on && !panel.firstChild) explain(panel, hit, kind, reply);
  };
  row.append(why, panel);
  return row;
}

// ---- why this ---------------------------------------------------------------------------------

function explain(panel, hit, kind, reply) {
  for (const sentence of reasons(hit, kind, reply)) panel.append(make("p", "", sentence));
  const numbers = kind === "seed" ? "" : figures(hit, reply);
  if (numbers) panel.append(make("p", "figures", numbers));
  wholeWords(panel, hit);
}

/** Return the reasons for a result as plain sentences. */
function reasons(hit, kind, reply) {
  if (kind === "seed") return [];
  if (reply.asked === "like") return [likeReason(reply)];
  if (kind === "words") {
    const same = reply.results.find((other) => other.position === hit.position);
    return [wordReason(hit, reply), ...heardReason(hit), ...(same ? [soundReason(same, reply)] : [])].filter(Boolean);
  }
  const both = reply.words.some((other) => other.position === hit.position);
  return [foundReason(both, reply), chanceReason(hit, reply)].filter(Boolean);
}

function likeReason({ find, seed }) {
  const what = find ? labelOf(find) : points.sound ? "sound" : "text";
  const [is, that] = find ? [verb(find, "is", "are"), verb(find, "that", "those")] : ["is", "that"];
  return `To the model, the ${what} of this song ${is} like ${that} of \u201c${seed.title}\u201d.`;
}

/** Say in a sentence why the model finds a song; `both` is true if it also has the words. */
function foundReason(both, reply) {
  if (!reply.find) return foundByTwoViews(both, reply);
  const asked = askedWith(reply), goes = `the ${labelOf(reply.find)} of this song ${verb(reply.find, "goes", "go")} with`;
  const has = reply.asked === TAGS ? "This song has your tags" : "Your words are in this song";
  if (both && reply.asked !== "sound") return `${has}, and ${goes} ${asked.words} like yours.`;
  if (["lyrics", TAGS].includes(reply.asked)) return `Your ${asked.words} are not the reason: ${goes} ${asked.words} like yours.`;
  return `${goes[0].toUpperCase()}${goes.slice(1)} ${asked.with}.`;
}

function foundByTwoViews(both, reply) {
  if (both) return "Your words are in this song, and it also sounds like them.";
  return reply.asked === "lyrics" ? "Your words are not the reason: the sound of this song goes with words like yours." :
    "The words of this song go with sounds like your clip.";
}

function wordReason(hit, reply) {
  if (reply.asked === TAGS) return hit.exact ? "" : "This song has only some of your tags.";
  if (hit.exact) return "The words are here exactly as you typed them.";
  const found = hit.line.filter(([, isMarked]) => isMarked).map(([text]) => text);
  return found.length ? `These words are yours, or nearly so: ${found.join(", ")}.` : "Most of your words are in this song.";
}

function soundReason(hit, reply) {
  const [also, sound] = reply.find && labelOf(reply.find) !== "sound" ?
    [`Its ${labelOf(reply.find)} also ${verb(reply.find, "goes", "go")} with it.`, labelOf(reply.find)] : ["It also sounds like it.", "sound"];
  const stands = hit.above_chance ? also : `By its ${sound} alone it would not stand out.`;
  return hit.above_chance === null ? chanceReason(hit, reply) : `${stands} ${chanceReason(hit, reply)}`.trim();
}

const heardReason = (hit) => hit.source === "heard" ?
  ["The words were heard in the recording by a speech recognizer, which may have misheard some."] : [];

/** Say in a sentence how often chance does as well. */
function chanceReason(hit, reply) {
  if (typeof hit.p !== "number") return "";
  const { other, fits } = askedWith(reply);
  const often = hit.p < 0.01 ? "in less than 1%" : `in ${Math.round(100 * hit.p)}%`;
  const verdict = hit.p <= 0.05 ? "so this is hardly chance" : hit.p <= 0.2 ? "so this may be chance" : "so this is probably chance";
  return `${other} ${fits} this one as well ${often} of cases, ${verdict}.`;
}

function figures(hit, reply) {
  const scored = hit.place ? hit : reply.results.find((other) => other.position === hit.position);
  if (!scored) return "";
  const level = typeof reply.level === "number" ? `, chance level ${signed(reply.level)}` : "";
  const p = typeof scored.p === "number" ? `, p = ${scored.p.toFixed(3)}` : "";
  return `Score of the ${reply.find ? labelOf(reply.find) : "sound"}: ${signed(scored.score)}${level}${p}`;
}

/** Add all words of a song; the line that matched is marked, and lines with times can be played. */
async function wholeWords(panel, hit) {
  const whole = await fetchOnce(songUrl(hit, "song")).catch(() => null);
  if (!whole) return;
  const lines = whole.lyrics ? whole.lyrics.split("\n").map((text) => ({ text })) : whole.heard;
  if (!lines.length) return void panel.append(make("p", "silent", "The words of this song are not known."));
  const box = make("div", "words-of"), matched = piecesOf(hit.line ?? []);
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", `Words of ${hit.title}`);
  if (!whole.lyrics) panel.append(make("p", "source", "heard:"));
  panel.append(box);
  for (const line of lines) box.append(lineOf(line, hit, matched));
  const at = box.querySelector(".matched");
  if (at) box.scrollTop = at.offsetTop - box.offsetTop - box.clientHeight / 3;
}

/** Return the lines of the song that a matched line shows, which may be joined by a slash or cut. */
const piecesOf = (line) => line.map(([text]) => text).join("").split(" / ")
  .map((piece) => piece.replace(/^\u2026|\u2026$/g, "").trim()).filter((piece) => piece.length > 2);

function lineOf({ text, start = null }, hit, matched) {
  const line = make("p", matched.some((piece) => text.includes(piece)) ? "matched" : "");
  if (start !== null && hit.has_audio) line.append(timeButton(hit, start));
  line.append(text || "\u00a0");
  return line;
}

// ---- lists ------------------------------------------------------------------------------------

/** Fill a list with cards; those after the first `n` are shown on demand. */
function fill(name, hits, kind, reply, n) {
  const items = hits.map((hit) => card(hit, kind, reply)), rest = items.slice(n), more = $(`${name}-more`);
  for (const item of rest) item.hidden = true;
  $(name).replaceChildren(...items);
  more.hidden = !rest.length;
  more.textContent = n ? `Show ${rest.length} more` : "Show them anyway";
  more.onclick = () => {
    for (const item of rest) item.hidden = false;
    more.hidden = true;
    focusCard(rest[0]);
    drawMap();
  };
}

const cards = () => [...document.querySelectorAll(".hit")].filter((item) => item.checkVisibility());

/** Make a card the one that the Tab key reaches. */
function setStop(item) {
  for (const other of document.querySelectorAll('.hit[tabindex="0"]')) other.tabIndex = -1;
  item.tabIndex = 0;
}

function focusCard(item) {
  item.focus({ preventScroll: true });
  item.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

/** Move from the focused card to another one, or to the first. */
function moveBy(step) {
  const all = cards(), here = all.findIndex((item) => item.contains(document.activeElement));
  if (here + step < 0) $("text").focus();
  else if (all.length) focusCard(all[clamp(here + step, 0, all.length - 1)]);
}

/** Highlight the cards of a song together with its point on the map. */
function light(position, on) {
  for (const item of document.querySelectorAll(`.hit[data-position="${position}"]`)) item.classList.toggle("lit", on);
  lightPoint(position, on);
}
