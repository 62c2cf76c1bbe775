// ---- several views: what is asked, what is searched, tags --------------------------------------

const TAGS = "tags";

/** Return the names of the views of a kind; an index of two views has none. */
const viewsOf = (kind) => (about?.views ?? []).filter((one) => one.kind === kind).map((one) => one.name);

/** Return how the page calls a view. */
function labelOf(name) {
  const sounds = viewsOf("sound");
  return sounds.length === 1 && sounds[0] === name ? "sound" : name;
}

/** Return the verb that goes with a view: its sound goes, its lyrics go. */
const verb = (name, one, many) => labelOf(name).endsWith("s") ? many : one;

/** What the user asked with, and how a sentence calls the same of another song, by kind of query. */
const ASKED = {
  lyrics: { noun: "line", words: "words", other: "A line from another song", fits: "fits", with: "words like yours" },
  sound: { noun: "clip", words: "sounds", other: "A clip of another song", fits: "fits", with: "sounds like your clip" },
  text: { noun: "text", words: "text", other: "The text of another song", fits: "fits", with: "texts like yours" },
  tags: { noun: "tags", words: "tags", other: "The tags of another song", fits: "fit", with: "tags like yours" },
};

/** Return the words of `ASKED` for a query by one view, or by two. */
function askedWith(reply) {
  const asked = ASKED[reply.asked];
  if (reply.views?.length !== 2) return asked;
  const tags = reply.asked === "sound" ? " and with these tags" : "";
  return { ...asked, other: `${asked.other} with its tags`, with: `${asked.with}${tags}` };
}

/** Return the views that a query of the same kind can belong to: the line may be lyrics or a theme. */
function takesOf(reply) {
  if (reply.asked === "sound") return viewsOf("sound");
  return ["lyrics", "text"].includes(reply.asked) ? viewsOf("text").filter((name) => name !== TAGS) : [];
}

// ---- choices ----------------------------------------------------------------------------------

/** Show what the query can belong to and what it can search; a single choice is none. */
function showChoices(reply) {
  $("choices").replaceChildren();
  if (!reply.finds) return;
  const takes = reply.views?.length ? takesOf(reply) : [];
  const what = reply.asked === "sound" ? "Your clip is" : "Your line is";
  if (takes.length > 1) $("choices").append(choice(what, takes, reply.views[0], (view) => again({ view })));
  const by = reply.asked === "like" ? "Alike by" : "Find by";
  const names = reply.asked === "like" ? reply.finds : about.views.map((one) => one.name).filter((name) => reply.finds.includes(name));
  const chosen = reply.asked === "like" ? "view" : "find";
  if (names.length > 1) $("choices").append(choice(by, names, reply.find, (name) => again({ [chosen]: name })));
}

function choice(title, names, current, choose) {
  const group = make("div", "choice");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", title);
  group.append(make("span", "choice-title", title));
  for (const name of names) {
    const one = button("option", labelOf(name), () => choose(name));
    one.setAttribute("aria-pressed", String(name === current));
    group.append(one);
  }
  return group;
}

/** Ask the same again with another view. */
function again(change) {
  const query = Object.fromEntries(queryOfAddress());
  // What was searched may not be possible for another kind of query.
  if (change.view && query.like === undefined) delete query.find;
  if (query.clip === undefined) return go({ ...query, ...change });
  const kept = clips.get(query.clip);
  if (kept) askSound(kept.file, { ...kept.choices, ...(change.view ? { find: undefined } : {}), ...change });
}

// ---- tags -------------------------------------------------------------------------------------

/** Return the tags of a card, which search by them where the index takes tags. */
function tagsOf(tags, asked = []) {
  const row = make("p", "tags"), wanted = new Set(asked.map((tag) => tag.toLowerCase()));
  for (const tag of tags) {
    const name = wanted.has(tag.toLowerCase()) ? "tag asked" : "tag";
    const chip = about?.takes_tags ? button(name, tag, () => go({ tags: tag })) : make("span", name, tag);
    if (about?.takes_tags) chip.setAttribute("aria-label", `Search by the tag ${tag}`);
    row.append(chip, " ");
  }
  return row;
}

const tagged = (tags) => `the tag${tags.length === 1 ? "" : "s"} ${tags.join(", ")}`;

/** Return the heading of a query by text, by tags, or by both. */
function headingOf(reply, text) {
  const line = `\u201c${shorten((text ?? "").trim().replace(/\s+/g, " "), 60)}\u201d`;
  const tags = reply.tags?.length ? tagged(reply.tags) : "";
  if (reply.asked === TAGS) return `Songs for ${tags}`;
  return `Songs for ${tags ? `${line} and ${tags}` : line}`;
}

/** Return the heading of the songs that have the words, or the tags, of a query. */
function headingOfWords(reply, isExact) {
  const which = reply.asked === "sound" ? "The words heard" : reply.asked === TAGS ? "These tags" : "These words";
  const one = reply.asked === TAGS && reply.tags.length === 1;
  if (one) return "This tag is on";
  const where = reply.asked === TAGS ? "on" : "in";
  return isExact || !reply.words?.length ? `${which} are ${where}` : `Some of ${which.toLowerCase()} are ${where}`;
}

function noteOfWords(reply) {
  if (reply.asked === TAGS) return `No song here has ${reply.tags.length === 1 ? "this tag" : "these tags"}.`;
  return "No song here has these words. Try fewer of them, or the ones that you are sure of; the spelling need not be right.";
}

/** Say that a part of a query by two views was left out, because the model knows none of it. */
function leftOut(reply) {
  if (!reply.without?.length) return "";
  return `The model knows none of these ${reply.without.includes(TAGS) ? TAGS : "words"}, so they were left out.`;
}

/** Return the heading of the songs that the model finds. */
function headingOfFound(reply) {
  const it = reply.asked === TAGS ? "these tags" : "it";
  if (!reply.find || labelOf(reply.find) === "sound") return `Sounds like ${it}`;
  const label = labelOf(reply.find);
  return `${label[0].toUpperCase()}${label.slice(1)} that ${verb(reply.find, "goes", "go")} with ${it}`;
}

// ---- the query --------------------------------------------------------------------------------

/** Search by what the fields hold. Tags without a line refine a clip that is shown. */
function submit() {
  const q = $("text").value, tags = $("tags").value.trim();
  if (!tags) return go({ q });
  if (q.trim()) return go({ q, tags });
  const clip = answer?.asked === "sound" && clips.get(queryOfAddress().get("clip"));
  if (clip) return askSound(clip.file, { ...clip.choices, find: undefined, tags });
  go({ tags });
}

/** Return the view of the map and of the songs before anything is asked. */
function usualView() {
  const shown = about.views.filter((one) => about.sides[one.name]);
  return (shown.find((one) => one.kind === "sound") ?? shown[0] ?? about.views[0]).name;
}

/** Say on the start page what can be asked, for an index of several views. */
function introduceViews() {
  const lines = viewsOf("text").filter((name) => name !== TAGS);
  $("by-tags").hidden = !about.takes_tags;
  $("common").hidden = !about.tags.length;
  $("common-tags").replaceWith(Object.assign(tagsOf(about.tags), { id: "common-tags" }));
  if (!lines.length && !about.words) $("by-lyrics").hidden = true;
  if (lines.length && !lines.includes("lyrics")) {
    $("text").placeholder = `A few words of ${lines[0]}`;
    document.querySelector("label[for=text]").textContent = `Words of ${lines[0]}`;
  }
}

/** Say that a clip is searched together with the tags that are typed. */
function nameDrop() {
  $("drop-text").textContent = $("tags").value.trim() ? "Search with a clip and these tags" : "Search with a clip";
}

/** Return the field that holds a line, or tags if the index takes no lines. */
const mainField = () => $("by-lyrics").hidden && !$("by-tags").hidden ? $("tags") : $("text");

function setFields(text, tags) {
  $("text").value = text;
  $("tags").value = tags;
  nameDrop();
}
