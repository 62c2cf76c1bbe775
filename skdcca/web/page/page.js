// ---- queries and their address ----------------------------------------------------------------

let about = null, points = null, answer = null, running = null, n_clips = 0;
const clips = new Map(); // the answers to clips, which an address cannot hold

/** Go to the address of a query; the same address is asked again. */
function go(query) {
  const hash = `#/?${new URLSearchParams(query)}`;
  if (hash === location.hash) follow(); else location.hash = hash;
}

/** Show what the address asks for. */
function follow() {
  const query = queryOfAddress();
  $("error").textContent = "";
  if (query.get("q") !== null || query.get("tags") !== null) return askText(Object.fromEntries(query));
  if (query.get("like") !== null) return askLike(query.get("like"), query.get("view"));
  if (query.get("clip") !== null) return showClip(query.get("clip"));
  cancel();
  showStart();
}

/** Send a query and show its results. A later query replaces an earlier one; errors keep the results. */
async function ask(url, options, present) {
  cancel();
  const mine = running = new AbortController();
  $("error").textContent = "";
  $("state").textContent = "Searching\u2026";
  document.body.classList.add("searching");
  $("answer").setAttribute("aria-busy", "true");
  try {
    const reply = await fetchJson(url, { ...options, signal: mine.signal });
    if (mine === running) present(reply);
  } catch (error) {
    if (mine === running) fail(error.message);
  } finally {
    if (mine === running) cancel();
  }
}

function cancel() {
  running?.abort();
  running = null;
  document.body.classList.remove("searching");
  $("answer").removeAttribute("aria-busy");
}

function fail(message) {
  $("error").textContent = message;
  $("state").textContent = answer ? "The songs below are from the search before." : "";
}

/** Search by a line, by tags, or by both; an index of several views takes the name of one to find. */
function askText({ q, tags, view, find }) {
  setFields(q ?? "", tags ?? "");
  const body = JSON.stringify(q === undefined ? { text: tags, view: TAGS, find } : { text: q, view, find, tags });
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body };
  return ask("/api/search/lyrics", options, (reply) => show(reply, headingOf(reply, q)));
}

function askLike(position, view) {
  const url = `/api/like/${encodeURIComponent(position)}${view ? `?${new URLSearchParams({ view })}` : ""}`;
  return ask(url, {}, (reply) => show(reply, `More like \u201c${reply.seed.title}\u201d`));
}

/** Search by a clip; `choices` are the tags and the views of an index of several views. */
function askSound(file, choices = typedTags()) {
  if (!file) return;
  if ($("by-sound").hidden) return fail(about?.views ? "This index takes no clips." : "This index contains no lyrics to search.");
  if (file.size > about.limits.bytes) {
    return fail(`${file.name} is too large; the limit is ${about.limits.bytes / 1e6} MB.`);
  }
  const body = new FormData();
  body.append("file", file);
  for (const [key, value] of Object.entries(choices)) if (value) body.append(key, value);
  ask("/api/search/audio", { method: "POST", body }, (reply) => {
    const name = String(++n_clips);
    forgetClips();
    const seed = { ...clipCard(file), tags: reply.tags };
    const heading = `Songs for ${shorten(file.name, 60)}${reply.tags?.length ? ` and ${tagged(reply.tags)}` : ""}`;
    clips.set(name, { reply: { ...reply, seed }, heading, file, choices });
    go({ clip: name });
  });
}

/** Return the tags that are typed, if the index takes any. */
const typedTags = () => about?.takes_tags ? { tags: $("tags").value.trim() } : {};

/** Forget all clips except the last ones, which the browser keeps in memory. */
function forgetClips() {
  while (clips.size >= 10) {
    const [name, kept] = clips.entries().next().value;
    URL.revokeObjectURL(kept.reply.seed.url);
    clips.delete(name);
  }
}

/** Return the clip of the user in the form of a song. */
function clipCard(file) {
  return { title: file.name, group: "your clip", excerpt: "", has_audio: true, url: URL.createObjectURL(file), levels: () => levelsOfClip(file) };
}

function showClip(name) {
  cancel();
  const kept = clips.get(name);
  if (kept) {
    setFields("", kept.choices.tags ?? "");
    return show(kept.reply, kept.heading);
  }
  showStart();
  $("state").textContent = "The clip of this address is not here. Choose it again to search with it.";
}

// ---- answers ----------------------------------------------------------------------------------

function showStart() {
  answer = null;
  document.body.classList.add("starting");
  document.title = "Which song was it?";
  for (const name of ["asked", "words-list", "sound-list"]) $(name).hidden = true;
  for (const name of ["seed", "words", "results"]) $(name).replaceChildren();
  $("start").hidden = !$("tries").children.length && !about?.tags?.length;
  setFields("", "");
  $("state").textContent = about && !about.items ? "There are no songs here yet." : "";
  drawMap();
}

function show(reply, heading) {
  answer = reply;
  document.body.classList.remove("starting");
  document.title = heading;
  $("start").hidden = true;
  $("asked").hidden = false;
  $("heading").textContent = heading;
  // The field above holds a line; a card shows a clip.
  $("asked").classList.toggle("unseen", !["sound", "like"].includes(reply.asked));
  $("heading").classList.toggle("unseen", reply.asked === "sound");
  if (!["lyrics", "text"].includes(reply.asked)) $("text").value = "";
  if (reply.asked === "like") setFields("", "");
  $("seed").hidden = !reply.seed;
  $("seed").replaceChildren(...(reply.seed ? [card(reply.seed, "seed", reply)] : []));
  showHeard(reply);
  showWords(reply);
  showSounds(reply);
  $("state").textContent = status(reply);
  const first = cards()[0];
  if (first) setStop(first);
  drawMap();
  showProgress();
  scrollTo(0, 0);
}

/** Show the words that were heard in a clip. */
function showHeard(reply) {
  $("heard").hidden = !reply.heard;
  $("heard").replaceChildren(make("span", "source", "heard:"), " ", make("q", "", reply.heard ?? ""));
}

/** Show the songs that have the words; those that have them exactly come without the others. */
function showWords(reply) {
  const hasWords = ["lyrics", TAGS].includes(reply.asked) || Boolean(reply.heard);
  const areKnown = reply.asked === TAGS ? about?.tags.length : about?.words;
  $("words-list").hidden = !hasWords || !(areKnown || reply.words.length);
  const n_exact = hasWords ? reply.words.filter((hit) => hit.exact).length : 0;
  $("words-heading").textContent = headingOfWords(reply, n_exact > 0);
  fill("words", reply.words ?? [], "words", reply, n_exact && reply.asked !== TAGS ? Math.min(n_exact, 5) : 3);
  $("words-note").hidden = !hasWords || reply.words.length > 0;
  $("words-note").textContent = noteOfWords(reply);
}

function showSounds(reply) {
  $("sound-list").hidden = !reply.results.length;
  $("sound-heading").hidden = reply.asked === "like";
  $("sound-heading").textContent = headingOfFound(reply);
  showChoices(reply);
  const note = caution(reply), all = `${leftOut(reply)} ${note}`.trim();
  $("note").hidden = !all;
  $("note").textContent = all;
  const n = reply.understood === false ? 0 : reply.asked === "like" ? 10 : reply.words.length ? 3 : 5;
  fill("results", reply.results, "sound", reply, n);
  $("results").classList.toggle("weak", Boolean(note));
}

/** Return one plain sentence if the list by sound deserves little trust, or "". */
function caution(reply) {
  if (reply.asked === "like" || !reply.results.length) return "";
  const { noun } = askedWith(reply), words = noun === TAGS ? TAGS : "words";
  if (!reply.understood) return `The model knows none of these ${words}, so songs can only be guessed. Other ${words} may do better.`;
  if (reply.far) {
    const better = { line: "more words, or a whole line", clip: "a longer or clearer clip", text: "more words", tags: "other tags" }[noun];
    return `${noun === TAGS ? "These tags are" : `This ${noun} is`} unlike the songs here, so this list means little. Try ${better}.`;
  }
  if (reply.stands_out === false) return "None of these stands out: any of them may be here by chance.";
  return "";
}

function status(reply) {
  if (reply.asked === "like") return `${counted(reply.results.length, "song")}, the closest first.`;
  const n = reply.words.length, exact = reply.words.filter((hit) => hit.exact).length;
  const these = reply.asked !== TAGS ? "these words" : reply.tags.length === 1 ? "this tag" : "these tags";
  if (exact) return `${counted(exact, "song")} ${exact === 1 ? "has" : "have"} ${these}.`;
  if (n && reply.asked === TAGS) return `No song has all of these tags; ${n === 1 ? "one has" : `${n} have`} some.`;
  if (n) return `No song has exactly these words; ${n === 1 ? "one comes" : `${n} come`} close.`;
  if (!reply.understood || !reply.results.length) return "Nothing found.";
  return `${counted(reply.results.length, "song")} by ${reply.find ? labelOf(reply.find) : "sound"}, the best first.`;
}

// ---- keys, theme, files -----------------------------------------------------------------------

const isTyping = (target) => target.closest?.("textarea, input, select") !== null;
const isControl = (target) => target.closest?.("button, a, summary, [role=link]") !== null;

/** Keys that work everywhere on the page. */
const KEYS = {
  "/": () => { mainField().focus(); mainField().select(); },
  ArrowDown: () => moveBy(1),
  ArrowUp: () => moveBy(-1),
  ArrowLeft: () => skip(-5),
  ArrowRight: () => skip(5),
  " ": playFocused,
};

function playFocused() {
  const all = cards(), item = document.activeElement.closest(".hit");
  if (item) toggleCard(item);
  else if (playing.song) toggle(playing.song);
  else if (all.length) toggleCard(all[0]);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape") return stop();
  if (isTyping(event.target) || !(event.key in KEYS)) return;
  if (event.key === " " && isControl(event.target)) return;
  if (event.key.startsWith("Arrow") && event.target.closest(".words-of")) return;
  event.preventDefault();
  KEYS[event.key]();
});

$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  }
  const atEnd = $("text").selectionStart === $("text").value.length;
  if (event.key === "ArrowDown" && atEnd && cards().length) {
    event.preventDefault();
    focusCard(cards()[0]);
  }
});

/** Use the theme of the user, which is that of the system until it is switched. */
function useTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  const dark = isDark();
  $("theme").setAttribute("aria-label", dark ? "Switch to light" : "Switch to dark");
}

const isDark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

/** Return what the browser keeps, or null where it keeps nothing. */
function remembered(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}

function remember(key, value) {
  try { localStorage.setItem(key, value); } catch { /* the switch works all the same */ }
}

$("theme").addEventListener("click", () => {
  const theme = isDark() ? "light" : "dark";
  remember("theme", theme);
  useTheme(theme);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => useTheme(null));
useTheme(["dark", "light"].find((theme) => theme === remembered("theme")) ?? null);

$("ask").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
$("tags").addEventListener("input", nameDrop);
$("file").addEventListener("change", () => { askSound($("file").files[0]); $("file").value = ""; });

// A file that misses the field must not make the browser leave the page.
const hasFiles = (event) => [...event.dataTransfer.types].includes("Files");
document.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  document.body.classList.remove("dropping");
  askSound(event.dataTransfer.files[0]);
});

// ---- startup ----------------------------------------------------------------------------------

function introduce() {
  $("about").textContent = counted(about.items, "song");
  $("model").textContent = `Searched with ${about.model}, ${counted(about.components, "component")}.`;
  $("formats").textContent = `${about.formats}, up to ${about.limits.seconds / 60} minutes`;
  $("by-lyrics").hidden = !about.answers.lyrics;
  $("by-sound").hidden = !about.answers.sound;
  if (about.views) introduceViews();
  if ($("by-lyrics").hidden) return;
  $("tries").replaceChildren(...about.examples.map(example));
}

function example(line) {
  const item = make("li");
  item.append(button("", line, () => go({ q: line })));
  return item;
}

async function begin() {
  try {
    [about, points] = await Promise.all([fetchJson("/api/about"), fetchJson("/api/map")]);
    introduce();
    drawMap();
    await follow();
  } catch (error) {
    fail(error.message);
  }
}

addEventListener("hashchange", follow);
showProgress();
begin();
